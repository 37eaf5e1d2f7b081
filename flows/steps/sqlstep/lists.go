package sqlstep

import (
	"slices"
	"strings"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps/internal/failure"
)

// maxListed is the maximum number of values in lists of IN. SQLite takes 32,766 arguments, MySQL 65,535.
const maxListed = 10_000

// expandLists writes a list that is the value of a placeholder in the parentheses of IN as one placeholder for each of
// its elements: databases without arrays would compare with the list's JSON instead. values are those that args were
// made from.
func (c *call) expandLists(values []any) error {
	if c.db.Dialect == flows.Postgres || !slices.ContainsFunc(values, isList) {
		return nil
	}
	r := sqlReader{text: c.text, sqlite: c.db.Dialect == flows.SQLite, escapes: c.db.Dialect == flows.MySQL}
	r.read()
	if c.db.Dialect == flows.SQLServer {
		r.placeholders = nil // its placeholders have numbers
	}
	if len(r.numbered) > 0 {
		return failure.Errorf("a list is no value of %s in the parentheses of IN: %s", r.numbered[0], insteadOf(c.db.Dialect))
	}
	var text strings.Builder
	var args []any
	done := 0
	for i, p := range r.placeholders {
		if i >= len(c.args) {
			break // the database reports it
		}
		list, ok := values[i].([]any)
		if !p.listed || !ok {
			args = append(args, c.args[i])
			continue
		}
		if len(list) == 0 && !p.alone {
			return failure.Errorf("an empty list beside other values in the parentheses of IN")
		}
		if len(args)+len(list) > maxListed {
			return failure.Errorf("a list for IN has %d values, %d are allowed", len(list), maxListed)
		}
		text.WriteString(c.text[done:p.at])
		text.WriteString(placeholders(c.db.Dialect, len(list)))
		done = p.at + 1
		for _, v := range list {
			args = append(args, bindSQL(c.db.Dialect, v))
		}
	}
	if done == 0 {
		return nil
	}
	text.WriteString(c.text[done:])
	c.args = append(args, c.args[min(len(r.placeholders), len(c.args)):]...)
	c.text = text.String()
	return nil
}

func isList(v any) bool { _, ok := v.([]any); return ok }

// placeholders returns n placeholders; of none, a query without rows, with which IN is false and NOT IN is true.
func placeholders(dialect flows.Dialect, n int) string {
	switch {
	case n > 0:
		return strings.Repeat("?, ", n-1) + "?"
	case dialect == flows.MySQL:
		return "select null from dual where false"
	}
	return "select null where false"
}

// insteadOf says how a list is used where a placeholder has a number.
func insteadOf(dialect flows.Dialect) string {
	if dialect == flows.SQLServer {
		return "write in (select value from openjson(@p1))"
	}
	return "write ? without a number, or in (select value from json_each(?1))"
}
