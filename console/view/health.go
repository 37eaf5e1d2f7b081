package view

import (
	"context"
	"time"

	"github.com/penstock/penstock/console/language"
)

// Trouble is something on which the page depends and that does not answer.
type Trouble struct {
	Name   string    // "redis", "history" or "workers"
	Title  string    // what is wrong
	Since  time.Time // zero: not known
	Text   string    // what it means for callers, and for what one sees
	Path   string    // page that shows more, below the site; empty: none
	Link   string    // text of the link
	Urgent bool      // calls are refused or not executed
}

// RedisAway says that Redis does not answer. history says whether there is a history, whose runs can still be shown.
func RedisAway(ctx context.Context, since time.Time, history bool) Trouble {
	t := Trouble{Name: "redis", Title: language.T(ctx, "Redis does not answer"), Since: since, Urgent: true,
		Text: language.T(ctx, "New calls get 503 until it does, and runs in progress wait. Accepted runs are kept.") + " "}
	if history {
		t.Text += language.T(ctx, "Pages show ended runs from the history and the flows as they were last read; nothing can be changed.")
	} else {
		t.Text += language.T(ctx, "Pages show only what this server had read before; nothing can be changed.")
	}
	return t
}

// HistoryAway says that the history does not answer.
func HistoryAway(ctx context.Context, since time.Time) Trouble {
	return Trouble{Name: "history", Title: language.T(ctx, "The history does not answer"), Since: since,
		Text: language.T(ctx, "Calls are not affected: runs go on, and Redis keeps what has ended until the history answers. Older runs, charts and searches are missing.")}
}

// WorkersGone says that no worker runs. linked says whether the reader may see the workers.
func WorkersGone(ctx context.Context, since time.Time, linked bool) Trouble {
	t := Trouble{Name: "workers", Title: language.T(ctx, "No worker is running"), Since: since, Urgent: true,
		Text: language.T(ctx, "Calls are accepted and their runs wait for a worker. A call that waits for its output gets 503 or 504.")}
	if linked {
		t.Path, t.Link = "/workers", language.T(ctx, "Workers")
	}
	return t
}

// FieldOnce is the field of a form with a random token, by which the server handles the form once.
const FieldOnce = "once"
