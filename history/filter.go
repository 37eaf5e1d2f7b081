package history

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/penstock/penstock/queue"
)

// lookups are the conditions that the history looks up in columns of the same name.
var lookups = []string{
	"version", "principal", "state", "code", "step", "worker", "replay_of", "resumed_from", "resumed_by", "replayed_by", "failure_of", "failure_run",
}

// conditions returns what adds the conditions of a list to a statement. impossible: no run satisfies them.
func (h *DB) conditions(l *queue.List) (add func(s *statement, within span) string, impossible bool) {
	var parts []func(*statement, span) string
	plain := func(text func(*statement) string) {
		parts = append(parts, func(s *statement, _ span) string { return text(s) })
	}
	if l.Queues != nil {
		plain(func(s *statement) string { return s.in("queue", texts(l.Queues)) })
	}
	for _, c := range l.Where {
		switch part := h.condition(c); {
		case part == nil: // it is not looked up
		case len(c.Values) == 0:
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
		if prefix := strings.HasSuffix(strings.TrimSpace(l.Search), "*"); prefix {
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

// condition returns what adds a condition to a statement; nil: the history has no column for it.
func (h *DB) condition(c queue.Condition) func(*statement) string {
	switch {
	case slices.Contains(c.Values, ""): // the column may be NULL
		return nil
	case c.Field == "flow":
		return func(s *statement) string { return s.in("flow", numbers(c.Values)) }
	case c.Field == "run_id":
		return func(s *statement) string { return s.in("id", h.ids(c.Values)) }
	case c.Field == "triage":
		return triaged(c.Values)
	case slices.Contains(lookups, c.Field):
		return func(s *statement) string { return s.in(c.Field, texts(c.Values)) }
	}
	return nil
}

// triaged selects by the triage state. A run that is open in its row may be resolved by a run that came after it.
func triaged(states []string) func(*statement) string {
	return func(s *statement) string {
		text := s.in("triage", texts(states))
		if slices.Contains(states, string(queue.Resolved)) {
			text = "(" + text + " OR triage = " + s.arg(string(queue.Open)) + " AND (resumed_by IS NOT NULL OR replayed_by IS NOT NULL))"
		}
		return text
	}
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
