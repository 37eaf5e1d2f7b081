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

// grace is how long after its time limit a script's process is killed. The engine interrupts the script before, if it
// can.
const grace = 500 * time.Millisecond

// exitOverrun is the exit status of a child that ended itself.
const exitOverrun = 3

// reply is the response to one script.
type reply struct {
	Lines   []flows.ScriptLine `json:"lines,omitempty"`
	Items   json.RawMessage    `json:"items,omitempty"`
	Message string             `json:"message,omitempty"` // why there are none, for the caller
	Broken  string             `json:"broken,omitempty"`  // the same, for the log: a fault of the engine
}

// Serve is the main function of a Pool's child: it evaluates scripts until there are no more. A script that cannot be
// interrupted ends the process, even when the parent is gone. Before the first script, Serve restricts the process,
// see restrict.
func Serve(in io.Reader, out io.Writer) error {
	if err := restrict(); err != nil {
		return err
	}
	if err := writeFrame(out, nil); err != nil { // signals readiness
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
	result, err := Eval(context.Background(), s)
	var told *flows.Error
	switch {
	case errors.As(err, &told):
		return reply{Lines: result.Lines, Message: told.Message}
	case err != nil:
		return reply{Broken: err.Error()}
	}
	return reply{Lines: result.Lines, Items: result.Items}
}
