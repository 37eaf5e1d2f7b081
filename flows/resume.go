package flows

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// JournalEntry is an entry in the journal of a run that has ended.
type JournalEntry struct {
	Key    string
	Result []byte // what Journal.Finish recorded; nil: the effect was begun and left no result
}

// ResumeOptions are the decisions of the person who resumes a run, and what is known of the run.
type ResumeOptions struct {
	Run    string // id of the run that has ended
	Failed string // path of the step at which it failed; empty: unknown, or at none
	// From is the path of a step that is not nested: it and all steps after it are executed again. Empty: the failed
	// step and what has not been done.
	From string
	// Assume says of uncertain effects whether they happened, by the path of their step, or by Uncertain.
	Assume map[string]Assumption
}

// Assumption is what is assumed of the uncertain effects of a step.
type Assumption struct {
	Done   bool  // false: it did not happen, and is executed
	Output []any // items that the step puts out for the effect; nil: one null
}

// Resumption is how a new run continues one that has ended: what the new run does with each effect, and how the journal
// that it takes over has to be changed for that.
type Resumption struct {
	Steps  []ResumedStep     // in the order of the flow
	Remove []string          // keys of the journal
	Set    map[string][]byte // results to record, by key
}

// ResumedStep is what a resumed run does with a step that has effects.
type ResumedStep struct {
	Step      string   // path, prefixed with those of the calling steps: "call/charge"
	Kind      string   // empty for a step of a called flow
	Effect    string   // likewise
	Kept      int      // effects whose recorded results are used
	Repeated  int      // effects that failed and are executed again
	Uncertain []string // keys of the effects of which it is not known whether they happened, and of which nothing is assumed
}

// Action summarizes the step: "uncertain", "repeat", "keep", or "first" when nothing is known of it.
func (s *ResumedStep) Action() string {
	switch {
	case len(s.Uncertain) > 0:
		return "uncertain"
	case s.Repeated > 0:
		return "repeat"
	case s.Kept > 0:
		return "keep"
	}
	return "first"
}

// Uncertain are the paths of the steps of which something has to be assumed before the run can be resumed.
func (r *Resumption) Uncertain() []string {
	var paths []string
	for i := range r.Steps {
		if len(r.Steps[i].Uncertain) > 0 {
			paths = append(paths, r.Steps[i].Step)
		}
	}
	return paths
}

// ResumeError is a mistake in ResumeOptions, or a difference between two versions of the flow.
type ResumeError struct {
	Field   string // "from", "assume", or "version"
	Message string
}

func (e *ResumeError) Error() string { return e.Message }

// Resume plans a run of this version of the flow that continues a run of an earlier version, or of the same one, with its
// journal. Steps whose results are kept, and those before them, must be equal in both versions.
func (f *Flow) Resume(earlier *Flow, journal []JournalEntry, o ResumeOptions) (*Resumption, error) {
	if earlier.Schedule != nil && earlier.Schedule.Poll {
		return nil, &ResumeError{"flow", "a run of a poll is not continued: the next one asks again for what this one did not get"}
	}
	return f.resume(earlier, journal, o)
}

// Done returns the steps of which a run has effects that happened, or may have happened: what happens again when the run is
// replayed. Steps that only read are not among them.
func (f *Flow) Done(journal []JournalEntry) ([]ResumedStep, error) {
	happened := slices.DeleteFunc(slices.Clone(journal), func(e JournalEntry) bool {
		failed := failureOf(e.Result)
		return failed != nil && !failed.Ambiguous
	})
	plan, err := f.resume(f, happened, ResumeOptions{})
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(plan.Steps, func(s ResumedStep) bool {
		return s.Kept+len(s.Uncertain) == 0 || s.Effect == Read.String()
	}), nil
}

func (f *Flow) resume(earlier *Flow, journal []JournalEntry, o ResumeOptions) (*Resumption, error) {
	p := &resumePlan{
		options: o, last: -1, order: make(map[string]int, len(earlier.allSteps)), flow: earlier,
		done: map[string]bool{}, joined: map[string]bool{}, expired: map[string]bool{}, steps: map[string]*ResumedStep{}, assumed: map[string]int{},
		Resumption: Resumption{Set: map[string][]byte{}},
	}
	for i, s := range earlier.allSteps {
		p.order[s.path] = i
	}
	p.from = len(earlier.allSteps)
	if o.From != "" {
		at, known := p.order[o.From]
		if !known || strings.Contains(o.From, ".") {
			return nil, &ResumeError{"from", fmt.Sprintf("the flow has no step %q that is not nested in another", o.From)}
		}
		p.from = at
	}
	for _, e := range journal {
		switch key := splitJournalKey(e.Key); {
		case key.value == "joined":
			p.joined[key.effect] = true
		case key.value != "" || e.Result == nil:
		case failureOf(e.Result) == nil:
			p.done[e.Key] = true
		default:
			if at, known := p.order[key.outer]; known && earlier.allSteps[at].kind == "wait_for" {
				p.expired[e.Key] = true
			}
		}
	}
	for _, e := range journal {
		p.decide(e)
	}
	for path, a := range o.Assume {
		switch n := p.assumed[path]; {
		case n == 0:
			return nil, &ResumeError{"assume", fmt.Sprintf("there is no step or effect %q that is uncertain", path)}
		case n > 1 && a.Output != nil:
			return nil, &ResumeError{"outputs", fmt.Sprintf("%d effects of the step %q are uncertain: say for each what it put out", n, path)}
		}
	}
	if differ := earlier.differences(f, p.last); len(differ) > 0 {
		return nil, &ResumeError{"version", fmt.Sprintf("the versions differ in steps whose results would be kept: %s", strings.Join(differ, ", "))}
	}
	p.Steps = p.inOrder(f)
	slices.Sort(p.Remove)
	return &p.Resumption, nil
}

// resumePlan collects a Resumption.
type resumePlan struct {
	Resumption
	options ResumeOptions
	flow    *Flow           // of the journal
	order   map[string]int  // of its steps, by path
	from    int             // steps from here on are executed again
	last    int             // the last step of which something is kept; -1: none
	done    map[string]bool // effects with a result
	joined  map[string]bool // effects of parallel steps whose branch is chosen
	expired map[string]bool // wait_for effects that got no call in time
	steps   map[string]*ResumedStep
	assumed map[string]int // uncertain effects by key of options.Assume
}

// decide decides about one entry.
func (p *resumePlan) decide(e JournalEntry) {
	key := splitJournalKey(e.Key)
	at, known := p.order[key.outer]
	if !known {
		return // it cannot be of this flow
	}
	failed := failureOf(e.Result)
	switch {
	case at >= p.from || p.handlerFailed(key.step) || within(p.expired, key.outer, e.Key):
		p.repeat(e.Key, key, failed == nil)
		return
	case key.value != "":
		if p.decidedAgain(key) {
			p.Remove = append(p.Remove, e.Key)
			return
		}
	case e.Result == nil, failed != nil && failed.Ambiguous && !failed.Handled && !p.handled(key):
		if within(p.joined, key.outer, e.Key) { // parallel has gone on with another branch
			return
		}
		p.decideUncertain(e.Key, key)
	case failed != nil && (p.options.Failed != "" && strings.HasPrefix(p.options.Failed, key.step+handlerSuffix) || !failed.Handled && !p.handled(key)):
		p.repeat(e.Key, key, false)
		return
	default:
		p.step(key.step).Kept++
	}
	p.last = max(p.last, at)
}

// handlerSuffix follows the path of a step in the paths of the steps of its on_error.
const handlerSuffix = ".on_error."

// handlerFailed reports whether a step is one of an on_error whose steps failed: they are executed again after the failed
// effect, if that fails again.
func (p *resumePlan) handlerFailed(path string) bool {
	failed := p.options.Failed
	end := strings.LastIndex(failed, handlerSuffix)
	return end >= 0 && strings.HasPrefix(path, failed[:end+len(handlerSuffix)])
}

// repeat removes an entry, so that the effect is executed again. One that had succeeded or was begun gets a new key for
// other systems, which would otherwise take it for the first one.
func (p *resumePlan) repeat(entry string, key journalKey, anew bool) {
	p.Remove = append(p.Remove, entry)
	if key.value != "" {
		return
	}
	p.step(key.step).Repeated++
	if anew {
		p.Set[entry+"."+againName] = EncodeJSON(p.options.Run)
	}
}

// againName is the name of the remembered value that makes the key of an effect another one, see Input.RunKey.
const againName = "again"

// decidedAgain reports whether a remembered value holds for one run only: the time at which a wait ends, and whether a
// dedupe step whose steps failed had the first of equal items.
func (p *resumePlan) decidedAgain(key journalKey) bool {
	switch key.value {
	case "asked":
		return !p.done[key.effect]
	case "expires":
		return p.expired[key.effect]
	case "first":
		return strings.HasPrefix(p.options.Failed, key.step+".")
	}
	return false
}

// within reports whether an effect is nested in one of others.
func within(others map[string]bool, path, effect string) bool {
	indices := strings.Split(strings.TrimPrefix(effect, path+"."), ".")
	for end := strings.LastIndexByte(path, '.'); end >= 0 && len(others) > 0; end = strings.LastIndexByte(path, '.') {
		path = path[:end]
		for n := 1; n < len(indices); n++ {
			if others[path+"."+strings.Join(indices[:n], ".")] {
				return true
			}
		}
	}
	return false
}

func (p *resumePlan) decideUncertain(entry string, key journalKey) {
	if s := p.flow.allSteps[p.order[key.outer]]; s.path == key.step && s.rerun {
		p.step(key.step).Repeated++
		return
	}
	word := entry
	assumption, made := p.options.Assume[word]
	if !made {
		word = key.step
		assumption, made = p.options.Assume[word]
	}
	if made {
		p.assumed[word]++
	}
	switch {
	case !made:
		s := p.step(key.step)
		s.Uncertain = append(s.Uncertain, entry)
	case assumption.Done:
		output := assumption.Output
		if output == nil {
			output = []any{nil}
		}
		p.Set[entry] = EncodeJSON(map[string]any{"items": output})
		p.step(key.step).Kept++
	default:
		p.Remove = append(p.Remove, entry)
		p.step(key.step).Repeated++
	}
}

// handled reports whether a step around the one of the entry handles its failure.
func (p *resumePlan) handled(key journalKey) bool {
	if key.outer != key.step && p.flow.allSteps[p.order[key.outer]].onError != failRun {
		return true
	}
	for path := key.outer; ; {
		end := strings.LastIndexByte(path, '.')
		if end < 0 {
			return false
		}
		path = path[:end]
		if at, known := p.order[path]; known && p.flow.allSteps[at].onError != failRun {
			return true
		}
	}
}

func (p *resumePlan) step(path string) *ResumedStep {
	s := p.steps[path]
	if s == nil {
		s = &ResumedStep{Step: path}
		p.steps[path] = s
	}
	return s
}

// inOrder returns the steps with effects in the order of the version that will be executed. Those of a called flow
// follow the step that calls it.
func (p *resumePlan) inOrder(f *Flow) []ResumedStep {
	var out []ResumedStep
	called := slices.Sorted(maps.Keys(p.steps))
	for _, s := range f.allSteps {
		if known := p.steps[s.path]; known != nil || s.effect != Pure && s.effect != Durable {
			step := *p.step(s.path)
			step.Kind, step.Effect = s.kind, s.effect.String()
			out = append(out, step)
		}
		for _, path := range called {
			if strings.HasPrefix(path, s.path+"/") {
				out = append(out, *p.steps[path])
			}
		}
	}
	return out
}

// differences returns the paths of the steps, of those that are not nested, up to the one that contains step number
// last, that are not the same in the other version.
func (f *Flow) differences(other *Flow, last int) []string {
	if last < 0 || f.Version == other.Version {
		return nil
	}
	contains, _, _ := strings.Cut(f.allSteps[last].path, ".")
	var differ []string
	for i, s := range f.topSteps {
		if i >= len(other.topSteps) || s != other.topSteps[i] {
			differ = append(differ, s.path)
		}
		if s.path == contains {
			break
		}
	}
	return differ
}

// topStep identifies a step that is not nested.
type topStep struct {
	path   string
	source [32]byte // SHA-256 of the values in its source
}

// recordedFailure is the failure of an effect as it is recorded in the journal.
type recordedFailure struct {
	Code     Code   `json:"code"`
	Message  string `json:"message"`
	Status   int    `json:"status"`
	SQLState string `json:"sqlstate,omitempty"`
	Upstream int    `json:"upstream"`
	Class    Class  `json:"class,omitempty"`
	Handled  bool   `json:"handled,omitempty"` // by on_error of the step

	Ambiguous bool `json:"ambiguous,omitempty"` // the request of a once effect was sent, and there was no response
}

// failureOf returns the failure that a result of the journal records; nil: it is none.
func failureOf(result []byte) *recordedFailure {
	if !bytes.HasPrefix(result, []byte(`{"failed":`)) {
		return nil
	}
	var r struct{ Failed *recordedFailure }
	if json.Unmarshal(result, &r) != nil {
		return nil
	}
	return r.Failed
}

// journalKey is a key of a journal in its parts.
type journalKey struct {
	outer  string // path of the step in the flow of the run
	step   string // path of the step, prefixed with those of the calling steps
	effect string // key of the effect that the entry belongs to
	value  string // name of a remembered value; empty: the entry is the effect itself
}

// splitJournalKey splits "<step path>.<item index>" with the keys of the calling steps before it, and perhaps the name
// of a remembered value after it.
func splitJournalKey(key string) journalKey {
	k := journalKey{effect: key}
	segments := strings.Split(key, "/")
	for i, segment := range segments {
		parts := strings.Split(segment, ".")
		end := len(parts)
		for end > 0 && !isIndex(parts[end-1]) {
			end--
		}
		if end == 0 { // a value of the step, not of one of its items
			end = len(parts) - 1
		}
		number := end // the indices are the last numbers: branches of switch and parallel are numbers in the path
		for number > 0 && isIndex(parts[number-1]) {
			number--
		}
		path := strings.Join(parts[:number], ".")
		if i == 0 {
			k.outer, k.step = path, path
		} else {
			k.step += "/" + path
		}
		if i == len(segments)-1 && end < len(parts) {
			k.value = strings.Join(parts[end:], ".")
			k.effect = strings.TrimSuffix(key, "."+k.value)
		}
	}
	return k
}

func isIndex(part string) bool {
	return part != "" && strings.Trim(part, "0123456789") == ""
}
