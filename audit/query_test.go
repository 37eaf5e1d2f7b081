package audit

import (
	"testing"
)

// An entry that a query chooses is decoded, whatever its texts are; most others are not.
func TestWhatIsNotDecodedDoesNotMatch(t *testing.T) {
	t.Parallel()
	l, _ := newTestLog(t)
	for _, e := range []Entry{
		{Actor: "user:ann", Name: "Ann", Act: "x", Status: 200},
		{Actor: "user:bob", Name: `Bob "Bo" <b@example.org> & Zoë`, ActedAs: "Shop", Act: "PATCH /v1/users/:name", Kind: KindUser, Object: "ann", Via: ViaConsole, Status: 403},
		{Actor: "user:KELVIN\u212A", Act: "y\\z", Kind: KindFlow, Object: "7 <x>", Status: 500, Message: "tab\tand line\n"},
	} {
		if err := l.Add(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	parts := []string{"", "ann", "ANN", "user:ann", "key:Shop", "shop", `"bo"`, "<b@", "& z", "zoë", "ZOË", "kelvink", "y\\z", "tab\t", "none", "user:none", "7 <x>", "changeuser", "patch /v1"}
	queries := []Query{{Kind: KindUser}, {Kind: KindFlow, Object: "7 <x>"}, {Via: ViaConsole}, {Outcome: Refused}, {Outcome: Failed}, {Object: "ann"}}
	for _, part := range parts {
		queries = append(queries, Query{Who: part}, Query{What: part}, Query{Text: part}, Query{Object: part})
	}
	skipped, chosen := 0, 0
	for _, e := range l.all(t, Range{}) {
		for _, q := range queries {
			match, may := q.Match(e), q.mayMatch(e.Text())
			if match && !may {
				t.Errorf("%+v chooses an entry that is not decoded: %s", q, e.Text())
			}
			if match {
				chosen++
			}
			if !may {
				skipped++
			}
		}
	}
	if chosen < 20 || skipped < 80 {
		t.Errorf("%d are chosen, %d need not be decoded", chosen, skipped)
	}
	if q := (Query{Text: "none"}); !q.mayMatch([]byte(`{"actor":"x"}`)) {
		t.Error("an entry of a version without the chain is not decoded")
	}
}
