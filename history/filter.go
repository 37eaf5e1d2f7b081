package history

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/penstock/penstock/queue"
)

// lookups are the conditions that the history looks up in columns of the same name.
var lookups = []string{"principal", "code", "step", "worker"}

// relations are the columns with another run.
var relations = []string{"replay_of", "resumed_from", "resumed_by", "replayed_by", "failure_of", "failure_run"}

// The conditions of partial indexes. A statement repeats them, since SQLite does not derive them from others.
const (
	notSucceeded = " AND state <> 'succeeded'"
	notDefault   = " AND queue <> 'default'"
	isRepeated   = " AND (attempt > 1 OR crashes > 0)"
	hasMessage   = " AND message IS NOT NULL"
	isSlow       = " AND took >= 1000000"
)

var isRelated = " AND (" + strings.Join(relations, " IS NOT NULL OR ") + " IS NOT NULL)"

// conditions returns what adds the conditions of a list to a statement. impossible: no run satisfies them.
func (h *DB) conditions(l *queue.List) (add func(s *statement, within span) string, impossible bool) {
	var parts []func(*statement, span) string
	plain := func(text func(*statement) string) {
		parts = append(parts, func(s *statement, _ span) string { return text(s) })
	}
	if l.Queues != nil {
		plain(func(s *statement) string {
			return s.in("queue", texts(l.Queues)) + implied(notDefault, !slices.Contains(l.Queues, "default"))
		})
	}
	for _, c := range l.Where {
		switch part := h.condition(c); {
		case part == nil: // it is not looked up
		case len(c.Values) == 0 && c.Least == nil && c.Most == nil:
			return nil, true
		default:
			plain(part)
		}
	}
	for name, value := range l.Labels {
		plain(func(s *statement) string {
			return "id IN (SELECT run FROM labels WHERE name = " + s.arg(name) + " AND value = " + s.arg(value) + ")"
		})
	}
	if l.Search != "" {
		words := split(l.Search)
		if len(words) == 0 {
			return nil, true
		}
		if text := strings.TrimSpace(l.Search); strings.HasSuffix(text, "*") || beginsID(text) {
			words[len(words)-1] += "*"
		}
		parts = append(parts, func(s *statement, within span) string { return h.dialect.matching(s, words, within) })
	}
	return func(s *statement, within span) string {
		var text strings.Builder
		for _, part := range parts {
			text.WriteString(" AND " + part(s, within))
		}
		if more := h.dialect.within(s, within); more != "" {
			text.WriteString(" AND " + more)
		}
		return text.String()
	}, false
}

// beginsID reports whether a text has the form of the beginning of a run's id, with at least the eight digits before the first "-".
func beginsID(text string) bool {
	const form = "00000000-0000-0000-0000-000000000000"
	if len(text) < 8 || len(text) >= len(form) {
		return false
	}
	for i := range len(text) {
		if isDigit := strings.IndexByte("0123456789abcdef", text[i]) >= 0; isDigit != (form[i] == '0') || !isDigit && text[i] != '-' {
			return false
		}
	}
	return true
}

// condition returns what adds a condition to a statement; nil: the history has no column for it.
func (h *DB) condition(c queue.Condition) func(*statement) string {
	switch {
	case c.Least != nil || c.Most != nil:
		return within(c)
	case slices.Contains(c.Values, ""): // the column may be NULL
		return nil
	case c.Field == "flow":
		return func(s *statement) string { return s.in("flow", numbers(c.Values)) }
	case c.Field == "run_id":
		return func(s *statement) string { return s.in("id", h.ids(c.Values)) }
	case c.Field == "version":
		return func(s *statement) string {
			return s.in("version", texts(c.Values)) + " AND " + s.in("substr(version, 1, 12)", beginnings(c.Values, 12))
		}
	case c.Field == "state":
		return func(s *statement) string {
			return s.in("state", texts(c.Values)) + implied(notSucceeded, !slices.Contains(c.Values, string(queue.Succeeded)))
		}
	case c.Field == "message":
		return saying(c.Values)
	case c.Field == "trigger":
		return triggered(c.Values)
	case c.Field == "triage":
		return triaged(c.Values)
	case slices.Contains(lookups, c.Field):
		return func(s *statement) string { return s.in(c.Field, texts(c.Values)) }
	case slices.Contains(relations, c.Field):
		return func(s *statement) string { return s.in(c.Field, texts(c.Values)) + isRelated }
	}
	return nil
}

// implied returns a condition of a partial index if the others imply it.
func implied(condition string, is bool) string {
	if is {
		return condition
	}
	return ""
}

// partialIndex returns the partial index that has the runs of a list; empty: none, or the list has other conditions, whose index
// may be better.
func partialIndex(l *queue.List) string {
	if len(l.Where) != 1 || l.Search != "" || l.Labels != nil {
		return ""
	}
	c := l.Where[0]
	switch least := c.Least; {
	case slices.Contains(c.Values, ""):
	case slices.Contains(relations, c.Field):
		return "runs_related"
	case c.Field == "message":
		return "runs_message"
	case least == nil:
	case c.Field == "duration_ms" && *least >= 1000:
		return "runs_slow"
	case c.Field == "attempt" && *least >= 2, c.Field == "crashes" && *least >= 1:
		return "runs_repeated"
	}
	return ""
}

// within selects by the bounds of a number; nil: the history has no column for it. A bound that the type of the column does not have
// becomes the nearest one that it has: no run is beyond it.
func within(c queue.Condition) func(*statement) string {
	column, unit, partial, from, most := c.Field, int64(1), "", int64(0), int64(math.MaxInt32-1) // integer in PostgreSQL
	switch c.Field {
	case "attempt":
		partial, from = isRepeated, 2
	case "crashes":
		partial, from = isRepeated, 1
	case "duration_ms":
		column, unit, partial, from, most = "took", 1000, isSlow, 1000, math.MaxInt64/1000-1
	default:
		return nil
	}
	return func(s *statement) string {
		text := "1 = 1"
		if c.Least != nil {
			text = column + " >= " + s.arg(max(-most, min(*c.Least, most))*unit) + implied(partial, *c.Least >= from)
		}
		if c.Most != nil {
			text += " AND " + column + " < " + s.arg((max(-most, min(*c.Most, most))+1)*unit)
		}
		return text
	}
}

// saying selects by parts of the message of the error. Of a long message the column has the beginning.
func saying(parts []string) func(*statement) string {
	return func(s *statement) string {
		conditions := []string{fmt.Sprintf("octet_length(message) > %d", maxMessage-utf8.UTFMax)}
		for _, part := range parts {
			conditions = append(conditions, "replace(message, "+s.arg(part)+", '') <> message")
		}
		return "(" + strings.Join(conditions, " OR ") + ")" + notSucceeded + hasMessage
	}
}

// beginnings returns the first characters of texts.
func beginnings(values []string, characters int) []any {
	out := make([]any, len(values))
	for i, v := range values {
		if r := []rune(v); len(r) > characters {
			v = string(r[:characters])
		}
		out[i] = v
	}
	return out
}

// triaged selects by the triage state. A run that is open in its row may be resolved by a run that came after it.
func triaged(states []string) func(*statement) string {
	return func(s *statement) string {
		text := s.in("triage", texts(states))
		if slices.Contains(states, string(queue.Resolved)) {
			text = "(" + text + " OR triage = " + s.arg(string(queue.Open)) + " AND (resumed_by IS NOT NULL OR replayed_by IS NOT NULL))"
		}
		return text + notSucceeded
	}
}

// triggers are conditions of all runs that something has started, see queue.Record.Trigger, and of few others. The rest of what starts
// runs is in no column.
var triggers = map[string]string{ // read only
	"replay": "replay_of IS NOT NULL", "resume": "resumed_from IS NOT NULL", "on_failure": "failure_of IS NOT NULL",
	"schedule": "principal = ''", "webhook": "substr(principal, 1, 5) = 'hook:'",
}

// triggered selects by what started a run; nil: not every one of the values can be looked up.
func triggered(values []string) func(*statement) string {
	parts, related := make([]string, len(values)), true
	for i, v := range values {
		if parts[i] = triggers[v]; parts[i] == "" {
			return nil
		}
		related = related && v != "schedule" && v != "webhook"
	}
	return func(*statement) string { return "(" + strings.Join(parts, " OR ") + ")" + implied(isRelated, related) }
}

func texts(values []string) []any {
	out := make([]any, len(values))
	for i, v := range values {
		out[i] = v
	}
	return out
}

// numbers leaves out what is no number, which no run has.
func numbers(values []string) []any {
	out := []any{}
	for _, v := range values {
		if n, err := strconv.ParseInt(v, 10, 64); err == nil {
			out = append(out, n)
		}
	}
	return out
}

func (h *DB) ids(values []string) []any {
	out := []any{}
	for _, v := range values {
		if _, err := uuid.Parse(v); err == nil {
			out = append(out, h.dialect.id(v))
		}
	}
	return out
}

// runID reads a run id from either database.
type runID string

// Scan implements sql.Scanner.
func (r *runID) Scan(v any) error {
	switch v := v.(type) {
	case []byte:
		if len(v) == 16 {
			id, err := uuid.FromBytes(v)
			*r = runID(id.String())
			return err
		}
		*r = runID(v)
	case string:
		*r = runID(v)
	case [16]byte:
		*r = runID(uuid.UUID(v).String())
	default:
		return fmt.Errorf("history: a run id is %T", v)
	}
	return nil
}
