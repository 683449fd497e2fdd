export default ({ numbers = [] }) => ({ sum: numbers.reduce((total, number) => total + number, 0) });
