package queue

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A spec is stored as fields with separators, in this order. It is written and read
// for every run, and JSON would cost ten times as much. The event, the id and the
// queue are not part of it: they are stored separately. Only decodeSpec reads it, and lua/submit_batched.lua its
// principal.
//
//	format flow version principal accepted limit sync replay_of params headers trace
//
// followed by depth, request_id, resumed_from, origin, failure_of and failure, as far as one of them is not empty.
const (
	specFormat    = "1"
	specSeparator = "\x1f" // UNIT SEPARATOR; refused within a field
	specFields    = 11
)

func encodeSpec(s *Spec) ([]byte, error) {
	maps := make([]string, 3)
	for i, m := range []map[string]string{s.Params, s.Headers, s.Trace} {
		if len(m) == 0 {
			continue
		}
		b, err := json.Marshal(m) // escapes the separator
		if err != nil {
			return nil, fmt.Errorf("encode run: %w", err)
		}
		maps[i] = string(b)
	}
	fields := [specFields]string{
		specFormat, strconv.FormatInt(s.Flow, 10), s.Version, s.Principal, strconv.FormatInt(s.Accepted.UnixMicro(), 10),
		strconv.FormatInt(int64(s.Limit), 10), flag(s.Sync), s.ReplayOf, maps[0], maps[1], maps[2],
	}
	out := make([]byte, 0, 256)
	for i, f := range fields {
		if strings.Contains(f, specSeparator) {
			return nil, fmt.Errorf("encode run: field %d holds a control character", i)
		}
		if i > 0 {
			out = append(out, specSeparator...)
		}
		out = append(out, f...)
	}
	if rest := [...]string{s.RequestID, s.ResumedFrom, s.Origin, s.FailureOf, string(s.Failure)}; s.Depth > 0 || rest != [len(rest)]string{} {
		text := strings.Join(rest[:], specSeparator)
		if strings.Count(text, specSeparator) != len(rest)-1 {
			return nil, errors.New("encode run: an id or a failure holds a control character")
		}
		out = strconv.AppendInt(append(out, specSeparator...), int64(s.Depth), 10)
		if text = strings.TrimRight(text, specSeparator); text != "" {
			out = append(append(out, specSeparator...), text...)
		}
	}
	return out, nil
}

func decodeSpec(text string, s *Spec) error {
	var fields [specFields]string
	var more bool
	for i := range fields {
		if fields[i], text, more = strings.Cut(text, specSeparator); !more && i < specFields-1 {
			return fmt.Errorf("decode run: field %d of %d is the last", i+1, specFields)
		}
	}
	if more {
		rest := strings.Split(text, specSeparator)
		depth, err := strconv.Atoi(rest[0])
		if len(rest) > 6 || len(rest) > 1 && rest[len(rest)-1] == "" {
			err = errors.New("it ends with other fields than are known")
		}
		if err != nil {
			return fmt.Errorf("decode run: %w", err)
		}
		s.Depth = depth
		var failure string
		for i, id := range rest[1:] {
			*[...]*string{&s.RequestID, &s.ResumedFrom, &s.Origin, &s.FailureOf, &failure}[i] = id
		}
		if failure != "" {
			s.Failure = json.RawMessage(failure)
		}
	}
	if fields[0] != specFormat {
		return fmt.Errorf("decode run: written in format %q, which this version does not know", fields[0])
	}
	var numbers [3]int64
	for i, f := range []string{fields[1], fields[4], fields[5]} {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return fmt.Errorf("decode run: %w", err)
		}
		numbers[i] = n
	}
	s.Flow, s.Accepted, s.Limit = numbers[0], time.UnixMicro(numbers[1]), time.Duration(numbers[2])
	s.Version, s.Principal, s.Sync, s.ReplayOf = fields[2], fields[3], fields[6] == "1", fields[7]
	for i, m := range []*map[string]string{&s.Params, &s.Headers, &s.Trace} {
		if fields[8+i] == "" {
			continue
		}
		if err := json.Unmarshal([]byte(fields[8+i]), m); err != nil {
			return fmt.Errorf("decode run: %w", err)
		}
	}
	return nil
}
