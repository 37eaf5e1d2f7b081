package httpx

import "testing"

func TestUploads(t *testing.T) {
	t.Parallel()
	u := NewUploads(8)
	for i, step := range []struct {
		network string
		want    bool
	}{{"a", true}, {"a", true}, {"a", false}, {"b", true}, {"b", true}, {"c", true}, {"c", true}, {"d", true}, {"d", true}, {"e", false}} {
		if got := u.enter(step.network); got != step.want {
			t.Errorf("%d: %s enters: %v", i, step.network, got)
		}
	}
	u.leave("a")
	if u.enter("b") || !u.enter("e") {
		t.Error("a place that is free is not for others")
	}
	for _, network := range []string{"a", "b", "b", "c", "c", "d", "d", "e"} {
		u.leave(network)
	}
	if u.all != 0 || len(u.byNetwork) != 0 {
		t.Errorf("%d places are taken, by %v", u.all, u.byNetwork)
	}
}
