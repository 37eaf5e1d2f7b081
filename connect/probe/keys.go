package probe

import "time"

// channel is the CHANNEL of the questions of API processes: a question as JSON. All workers receive each.
const channel = "penstock:probe"

// keptFor is the TTL of what belongs to a question.
const keptFor = time.Minute

// keyTaken is a STRING, the name of the worker that answers a question. TTL: keptFor.
func keyTaken(id string) string { return "penstock:probe:" + id + ":taken" }

// keyAnswer is a LIST with one sealed answer. TTL: keptFor.
func keyAnswer(id string) string { return "penstock:probe:" + id + ":answer" }
