package audit

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/penstock/penstock/internal/entrylog"
)

// FaultKind is a way in which a chain can be broken.
type FaultKind string

// The kinds of faults.
const (
	Changed    FaultKind = "changed"      // the entry does not have the hash or the signature that it was written with
	Missing    FaultKind = "missing"      // entries before it are gone
	Inserted   FaultKind = "inserted"     // it was not written at the end of the chain
	OutOfOrder FaultKind = "out_of_order" // it is not at its place
)

// Fault is the first thing that is wrong with a chain.
type Fault struct {
	Kind   FaultKind `json:"kind"`
	Seq    int64     `json:"seq"` // number of the entry; 0: it has none
	ID     string    `json:"id"`  // of the entry; empty: it is gone
	Reason string    `json:"reason"`
}

func (f *Fault) String() string {
	if f.ID == "" {
		return f.Reason
	}
	return fmt.Sprintf("%s (%s): %s", f.ID, f.Kind, f.Reason)
}

// Report says what the check of a chain has shown.
type Report struct {
	OK      bool   `json:"ok"`
	Fault   *Fault `json:"fault,omitempty"` // the first one
	Entries int64  `json:"entries"`         // of the chain, that are as they were written
	Before  int64  `json:"before_chain"`    // entries of versions without the chain, before it

	// From and To are the first and the last number of the entries that are as they were written; 0: there are none.
	From int64     `json:"from"`
	To   int64     `json:"to"`
	At   time.Time `json:"at,omitzero"`    // time of the last one
	Head string    `json:"head,omitempty"` // its hash

	// SignedTo is the number of the last entry whose signature was checked. It vouches for all entries before it. 0: none was.
	SignedTo int64 `json:"signed_to"`
	// UnknownKeys are ids of master keys that the check did not have.
	UnknownKeys []string `json:"unknown_keys,omitempty"`
	// Cuts are removals by age or number inside the log that are noted and signed.
	Cuts []Cut `json:"cuts,omitempty"`
	// Start is the signed note of what was removed before From; absent: nothing, or it is not known.
	Start *Cut `json:"start,omitempty"`
	// Warning says what was not checked; empty: nothing.
	Warning string `json:"warning,omitempty"`
}

// lookAhead is the number of entries behind a gap among which the one that is missing is searched for.
const lookAhead = 1000

// Verifier checks entries, the oldest first. Its zero value checks a chain without signatures. It is not safe for concurrent use.
type Verifier struct {
	Keys Keys
	Cuts []Cut // notes of removals
	// Whole says that the entries are all that a log has: the first one must be number 1, or behind a cut. Otherwise they may begin
	// anywhere, as an exported file does.
	Whole bool
	// Repeats says that entries may come again, as those of an export that was interrupted do.
	Repeats bool

	report  Report
	gap     *Fault // entries are missing; found among the next ones they are out of order
	ahead   int    // entries seen behind the gap
	last    int64  // number of the last one of them
	begun   bool
	missing int64            // number of the first missing one
	seen    map[int64]string // the hashes of the last entries, with Repeats
}

// Add checks the next entry. It reports whether more are needed; after a fault none are.
func (v *Verifier) Add(e *Entry) bool {
	r := &v.report
	if v.gap != nil {
		return v.seek(e)
	}
	if e.Seq == 0 {
		if !v.begun {
			r.Before++
			return true
		}
		return v.fail(Inserted, e, "it belongs to no chain, behind the chain's beginning: it was not written by this version of Penstock")
	}
	if v.Repeats && e.Seq <= r.To && v.seen[e.Seq] == e.Hash && e.Hash != "" {
		if hash, err := hashOf(e.Text()); err == nil && hash == e.Hash {
			return true
		}
	}
	if fault := v.alone(e); fault != "" {
		return v.fail(Changed, e, fault)
	}
	if fault := v.linked(e); fault != nil {
		if fault.Kind == Missing {
			v.gap = fault
			return v.seek(e)
		}
		r.Fault = fault
		return false
	}
	v.begun = true
	if r.From == 0 {
		r.From = e.Seq
	}
	r.Entries, r.To, r.At, r.Head = r.Entries+1, e.Seq, e.At, e.Hash
	if v.Repeats {
		v.remember(e)
	}
	return true
}

// repeated is the number of the last entries that may come again.
const repeated = 2000

func (v *Verifier) remember(e *Entry) {
	if v.seen == nil {
		v.seen = map[int64]string{}
	}
	v.seen[e.Seq] = e.Hash
	delete(v.seen, e.Seq-repeated)
}

// alone checks an entry without its neighbours, and returns what is wrong.
func (v *Verifier) alone(e *Entry) string {
	hash, err := hashOf(e.Text())
	switch place := e.place(); {
	case err != nil:
		return "it cannot be read: " + err.Error()
	case hash != e.Hash:
		return "its hash is not that of what it says"
	case e.ID != place.String():
		return "its id is not that of its time and number"
	case e.stored != (entrylog.Place{}) && e.stored != place:
		return "it is at the place " + e.stored.String() + ", and was written at " + place.String()
	}
	switch v.Keys.check(e.Key, e.MAC, signsEntry, e.Hash) {
	case forged:
		return "its signature was not made with the installation's key"
	case genuine:
		v.report.SignedTo = e.Seq
	case unsigned:
		if len(v.Keys) > 0 && !slices.Contains(v.report.UnknownKeys, e.Key) {
			v.report.UnknownKeys = append(v.report.UnknownKeys, e.Key)
		}
	}
	return ""
}

// linked checks that an entry follows the one before; nil: it does.
func (v *Verifier) linked(e *Entry) *Fault {
	r := &v.report
	fault := func(kind FaultKind, reason string) *Fault { return &Fault{kind, e.Seq, e.ID, reason} }
	switch {
	case !v.begun && e.Seq == 1 && e.Prev == "":
		return nil
	case !v.begun && !v.Whole:
		return nil // an export may begin anywhere
	case !v.begun:
		cut := v.cutBefore(e, 1)
		if cut == nil {
			return fault(Missing, fmt.Sprintf("the log begins with entry %d, and no signed note says that those before it were removed by age or number", e.Seq))
		}
		r.Start = cut
		return nil
	case e.Seq <= r.To:
		return fault(Inserted, fmt.Sprintf("its number comes behind %d: one of the entries with the number was inserted", r.To))
	case e.Seq == r.To+1 && e.Prev != v.report.Head:
		return fault(Changed, fmt.Sprintf("entry %d before it is not the one that it was written behind", r.To))
	case e.Seq == r.To+1:
		return nil
	}
	if cut := v.cutBefore(e, r.To+1); cut != nil {
		r.Cuts = append(r.Cuts, *cut)
		return nil
	}
	v.missing = r.To + 1
	reason := fmt.Sprintf("entry %d is missing", v.missing)
	if e.Seq > r.To+2 {
		reason = fmt.Sprintf("entries %d to %d are missing", r.To+1, e.Seq-1)
	}
	return &Fault{Missing, v.missing, "", reason}
}

// cutBefore returns the signed note that the entries from one number to that before an entry were removed; nil: there is none.
func (v *Verifier) cutBefore(e *Entry, from int64) *Cut {
	for i := range v.Cuts {
		c := &v.Cuts[i]
		if c.Seq+1 == e.Seq && c.From <= from && c.Hash == e.Prev && (len(v.Keys) == 0 || v.Keys.check(c.Key, c.MAC, signsCut, c.signed()) == genuine) {
			return c
		}
	}
	return nil
}

// seek looks for the missing entry among those behind the gap.
func (v *Verifier) seek(e *Entry) bool {
	if v.missing != 0 && e.Seq == v.missing {
		v.gap = &Fault{OutOfOrder, e.Seq, e.ID, fmt.Sprintf("it comes behind entry %d", v.last)}
		v.ahead = lookAhead
	}
	v.ahead, v.last = v.ahead+1, e.Seq
	return v.ahead < lookAhead
}

func (v *Verifier) fail(kind FaultKind, e *Entry, reason string) bool {
	v.report.Fault = &Fault{kind, e.Seq, e.ID, reason}
	return false
}

// Report returns what the check has shown so far.
func (v *Verifier) Report() Report {
	r := v.report
	if r.Fault == nil {
		r.Fault = v.gap
	}
	r.OK, r.SignedTo = r.Fault == nil, min(r.SignedTo, r.To)
	if r.OK && len(v.Keys) > 0 && r.SignedTo < r.To {
		r.OK = false
		r.Fault = &Fault{Changed, r.SignedTo + 1, "", fmt.Sprintf("entries %d to %d are signed with keys that are not configured (%v): nobody vouches for them", max(r.SignedTo+1, r.From), r.To, r.UnknownKeys)}
	}
	return r
}

// Verify checks the log: all that Redis and the history have, and that nothing is missing at its end as far as the chain's head and
// the exporters' places say.
func (l *Log) Verify(ctx context.Context) (Report, error) {
	cuts, err := l.Cuts(ctx)
	if err != nil {
		return Report{}, err
	}
	text, err := l.headText(ctx)
	if err != nil {
		return Report{}, err
	}
	v := &Verifier{Keys: l.config.Keys, Cuts: cuts, Whole: true}
	err = l.Scan(ctx, Range{Oldest: true}, v.Add)
	if isHistory(err) {
		v = &Verifier{Keys: l.config.Keys, Cuts: cuts}
		err = l.scanStored(ctx, v.Add)
		v.report.Warning = "The history does not answer: only the entries that Redis still has were checked."
	}
	if err != nil {
		return Report{}, err
	}
	r := v.Report()
	if r.OK {
		err = l.checkEnd(ctx, &r, text)
	}
	return r, err
}

// checkEnd compares the last entry with the chain's head when the check began, and with what was exported.
func (l *Log) checkEnd(ctx context.Context, r *Report, text string) error {
	h, err := parseHead(text)
	if err != nil || h.seq > r.To || h.seq == r.To && h.hash != r.Head {
		r.OK, r.Fault = false, &Fault{Missing, r.To + 1, "", fmt.Sprintf("the log ends with entry %d, and its head says %d", r.To, h.seq)}
		return nil
	}
	places, err := l.Exports(ctx)
	if err != nil {
		return err
	}
	for _, p := range places {
		if p.Seq > r.To {
			r.OK, r.Fault = false, &Fault{Missing, r.To + 1, "", fmt.Sprintf("the log ends with entry %d, and entry %d was exported to %s", r.To, p.Seq, p.Sink)}
			return nil
		}
	}
	return nil
}
