// Stands in for a script: what is here is checked, never run.
export default () => ({});
