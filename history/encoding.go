package history

import (
	"encoding/json"
	"fmt"
	"maps"

	"github.com/klauspost/compress/zstd"

	"github.com/penstock/penstock/queue"
)

// row is a run as the columns of its table. Empty texts are NULL where the column may be.
type row struct {
	Run
	at, flow                  int64
	queue, version, principal string
	state                     string
	code, step, message       string
	worker                    string
	attempt, crashes          int
	started, finished         int64 // microseconds
	triage                    string
	replayOf, resumedFrom     string
	resumedBy, replayedBy     string
	failureOf, failureRun     string
	record, payload           []byte
	words                     []string
	observation
}

// maxMessage is the maximum length of the message of an error in its column, in bytes. The record has all of it.
const maxMessage = 1000

// makeRow computes the columns of a run.
func makeRow(r *Run) (row, error) {
	record, err := r.record()
	if err != nil {
		return row{}, err
	}
	stored := maps.Clone(r.Record)
	if delete(stored, "changed"); len(r.Labels) > 0 {
		labels, err := json.Marshal(r.Labels)
		if err != nil {
			return row{}, fmt.Errorf("encode labels: %w", err)
		}
		stored["labels"] = string(labels)
	}
	steps := stepsOf(record)
	n := row{
		Run: *r, at: record.Times.Accepted.UnixMilli(), flow: record.Flow, queue: record.Queue, version: record.Version, principal: record.Principal,
		state: string(record.State), worker: record.Worker, attempt: record.Attempt, crashes: record.Crashes,
		triage: string(record.TriageState()), replayOf: record.ReplayOf, resumedFrom: record.ResumedFrom,
		resumedBy: record.ResumedBy, replayedBy: record.ReplayedBy, failureOf: record.FailureOf, failureRun: record.FailureRun,
		finished: record.Times.Finished.UnixMicro(), words: wordsOf(record, steps), observation: observe(record, steps),
	}
	if !record.Times.Started.IsZero() {
		n.started = record.Times.Started.UnixMicro()
	}
	if e := record.Error; e != nil {
		n.code, n.step, n.message = string(e.Code), e.Step, clip(e.Message, maxMessage)
	}
	if n.record, err = pack(stored); err == nil && r.Values != nil {
		n.payload, err = pack(payload{r.Values, r.Journal})
	}
	return n, err
}

// payload is what may be dropped earlier than the record.
type payload struct {
	Values  map[string]string `json:"v"`
	Journal map[string]string `json:"j,omitempty"`
}

// unpackRun returns a run from its columns.
func unpackRun(id, queueName string, record, values []byte) (queue.Archived, error) {
	a := queue.Archived{ID: id, Queue: queueName}
	if err := unpack(record, &a.Record); err != nil {
		return a, fmt.Errorf("history: record of run %s: %w", id, err)
	}
	if values == nil {
		return a, nil
	}
	var p payload
	if err := unpack(values, &p); err != nil {
		return a, fmt.Errorf("history: values of run %s: %w", id, err)
	}
	a.Values, a.Journal = p.Values, p.Journal
	return a, nil
}

// The coders are safe for concurrent use.
var (
	encoder, _ = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderCRC(false))
	decoder, _ = zstd.NewReader(nil, zstd.WithDecoderConcurrency(0))
)

// pack encodes a value as compressed JSON.
func pack(v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode run: %w", err)
	}
	return encoder.EncodeAll(text, make([]byte, 0, len(text)/2)), nil
}

func unpack(b []byte, v any) error {
	text, err := decoder.DecodeAll(b, nil)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, v)
}

// clip cuts a text after a number of bytes, at the border of a character.
func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && s[most]&0xC0 == 0x80 {
		most--
	}
	return s[:most]
}
