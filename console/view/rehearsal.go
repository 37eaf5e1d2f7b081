package view

import (
	"context"

	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/queue/rehearsal"
)

// rehearsalVerdict is the report in one sentence.
func rehearsalVerdict(ctx context.Context, r *rehearsal.Report) string {
	switch {
	case r.Runs == 0:
		return language.T(ctx, "No recorded run of this flow can be rehearsed.")
	case r.Different == 0:
		return language.N(ctx, r.Runs, "Nothing would differ in %d run.", "Nothing would differ in %d runs.")
	}
	return language.N(ctx, r.Runs, "%[2]d of %[1]d run would differ.", "%[2]d of %[1]d runs would differ.", r.Different)
}
