package canary

// keyTurn is a STRING, empty: a worker has looked at the canaries of the fleet. TTL: just under lookEvery.
const keyTurn = "penstock:canary:turn"
