package view

import (
	"fmt"

	"github.com/penstock/penstock/queue/rehearsal"
)

// rehearsalVerdict is the report in one sentence.
func rehearsalVerdict(r *rehearsal.Report) string {
	switch {
	case r.Runs == 0:
		return "No recorded run of this flow can be rehearsed."
	case r.Different == 0:
		return "Nothing would differ in " + many(r.Runs, "run", "runs") + "."
	}
	return fmt.Sprintf("%d of %s would differ.", r.Different, many(r.Runs, "run", "runs"))
}
