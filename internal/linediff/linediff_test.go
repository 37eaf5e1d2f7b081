package linediff

import "testing"

func TestCommon(t *testing.T) {
	t.Parallel()
	a, b := []string{"x", "a", "b", "c"}, []string{"a", "c", "d", "x"}
	common := Common(a, b)
	for _, c := range []struct {
		i, j int
		want int32
	}{{0, 0, 2}, {1, 1, 1}, {0, 3, 1}, {2, 2, 0}, {4, 4, 0}} {
		if got := common[c.i][c.j]; got != c.want {
			t.Errorf("from %d and %d: %d lines in common, want %d", c.i, c.j, got, c.want)
		}
	}
	if empty := Common(nil, nil); len(empty) != 1 || empty[0][0] != 0 {
		t.Errorf("nothing has %v in common", empty)
	}
}
