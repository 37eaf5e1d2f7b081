package script

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/penstock/penstock/flows"
)

// grace is how much longer than its time a script may run before the process
// around it is ended. Well within it, the engine interrupts what it can.
const grace = 500 * time.Millisecond

// exitOverrun is the status of a child that ended itself.
const exitOverrun = 3

// reply is the answer to one script.
type reply struct {
	Items   json.RawMessage `json:"items,omitempty"`
	Message string          `json:"message,omitempty"` // why there are none, for the caller
	Broken  string          `json:"broken,omitempty"`  // the same, for the log: the fault is ours
}

// Serve is the child of a Pool: it evaluates the scripts that come in until
// there are no more. A script that cannot be interrupted ends the process,
// also when nobody is there any more who would kill it. Before the first one
// the process gives up what it does not need, see restrict.
func Serve(in io.Reader, out io.Writer) error {
	if err := restrict(); err != nil {
		return err
	}
	if err := writeFrame(out, nil); err != nil { // ready
		return err
	}
	for {
		frame, err := readFrame(in)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var s flows.Script
		if err := json.Unmarshal(frame, &s); err != nil {
			return fmt.Errorf("read script: %w", err)
		}
		answer, err := json.Marshal(answer(&s))
		if err != nil {
			return fmt.Errorf("write reply: %w", err)
		}
		if err := writeFrame(out, answer); err != nil {
			return err
		}
	}
}

func answer(s *flows.Script) reply {
	overdue := time.AfterFunc(s.Time+grace, func() { os.Exit(exitOverrun) })
	defer overdue.Stop()
	items, err := Eval(context.Background(), s)
	var told *flows.Error
	switch {
	case errors.As(err, &told):
		return reply{Message: told.Message}
	case err != nil:
		return reply{Broken: err.Error()}
	}
	return reply{Items: items}
}
