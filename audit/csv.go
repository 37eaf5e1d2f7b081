package audit

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// columns are those of an export as CSV. Read only.
var columns = []string{
	"id", "at", "actor", "name", "acting_key", "via", "outcome", "operation", "summary", "kind", "subject", "object", "status", "ip", "request_id", "message", "count", "changes",
}

// WriteCSVHeader writes the names of the columns.
func WriteCSVHeader(w io.Writer) error { return writeRow(w, columns) }

// WriteCSV writes an entry as a row. It has no hashes: only lines of JSON can be verified.
func (e *Entry) WriteCSV(w io.Writer) error {
	changes := ""
	if len(e.Changes) > 0 {
		text, err := json.Marshal(e.Changes)
		if err != nil {
			return fmt.Errorf("encode changes: %w", err)
		}
		changes = string(text)
	}
	return writeRow(w, []string{
		e.ID, e.At.Format("2006-01-02T15:04:05.000Z07:00"), e.Actor, e.Name, e.ActedAs, e.Via, string(e.Outcome), e.Operation, e.Summary, e.Kind, e.Subject, e.Object,
		strconv.Itoa(e.Status), e.IP, e.RequestID, e.Message, strconv.FormatInt(max(e.Count, 1), 10), changes,
	})
}

func writeRow(w io.Writer, cells []string) error {
	row := make([]string, len(cells))
	for i, cell := range cells {
		row[i] = harmless(cell)
	}
	out := csv.NewWriter(w)
	if err := out.Write(row); err != nil {
		return fmt.Errorf("write row: %w", err)
	}
	out.Flush()
	return out.Error()
}

// harmless puts an apostrophe before a text that a spreadsheet would take for a formula (CWE-1236).
func harmless(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r\n", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}

// Export writes the entries that a query chooses, the oldest first: as lines of JSON, which can be verified if the query chooses by time
// alone, or as CSV. Errors: entrylog.ErrHistory, and those of w.
func (l *Log) Export(ctx context.Context, q Query, asCSV bool, w io.Writer) error {
	var failed error
	if asCSV {
		if failed = WriteCSVHeader(w); failed != nil {
			return failed
		}
	}
	err := l.Scan(ctx, Range{From: q.From, To: q.To, Oldest: true}, func(e *Entry) bool {
		if !q.Match(e) {
			return true
		}
		if asCSV {
			failed = e.WriteCSV(w)
		} else {
			_, failed = w.Write(append(e.Text(), '\n'))
		}
		return failed == nil
	})
	if failed != nil {
		return failed
	}
	return err
}
