package admin

import "context"

// viewAll returns the views of all records.
func viewAll[T, V any](ctx context.Context, all func(context.Context) ([]*T, error), view func(*T) V) ([]V, error) {
	records, err := all(ctx)
	views := make([]V, len(records))
	for i, r := range records {
		views[i] = view(r)
	}
	return views, err
}

func texts[S ~string](all []S) []string {
	out := make([]string, len(all))
	for i, s := range all {
		out[i] = string(s)
	}
	return out
}
