// Stands in for a module: what is here is checked, never run.
export default () => ({});
