// Says why a model is not deployed; the stage `reject` of agentflow.toml calls it.

export default function reject({ metrics, accuracy }) {
  return { deployed: false, reason: `an accuracy of ${metrics.accuracy} is less than ${accuracy}; the model in use stays` };
}
