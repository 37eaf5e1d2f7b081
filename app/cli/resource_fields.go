package cli

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// field is a member of a request that is set by a flag.
type field struct {
	flag, member, help string
	kind               fieldKind
	once               bool // only when the object is created
}

type fieldKind int

const (
	textField   fieldKind = iota
	secretField           // the flag names a file, or - for standard input: a command line is visible to everybody
	boolField
	countField
	listField
	flowsField // numbers, or "all"
)

// fields are the flags of one command.
type fields struct {
	all    []field
	values []string
	lists  [][]string
	bools  []bool
}

func addFields(f *pflag.FlagSet, all []field, making bool) *fields {
	set := &fields{values: make([]string, len(all)), lists: make([][]string, len(all)), bools: make([]bool, len(all))}
	for i, d := range all {
		if d.once && !making {
			d.flag = "" // keeps the indices
		}
		set.all = append(set.all, d)
		switch {
		case d.flag == "":
		case d.kind == boolField:
			f.BoolVar(&set.bools[i], d.flag, false, d.help)
		case d.kind == listField || d.kind == flowsField:
			f.StringSliceVar(&set.lists[i], d.flag, nil, d.help)
		default:
			f.StringVar(&set.values[i], d.flag, "", d.help)
		}
	}
	return set
}

// body returns the members whose flags were given.
func (s *fields) body(cmd *cobra.Command) (object, error) {
	body := object{}
	for i, d := range s.all {
		if d.flag == "" || !cmd.Flags().Changed(d.flag) {
			continue
		}
		value, err := s.value(cmd, i)
		if err != nil {
			return nil, usageError{fmt.Errorf("--%s: %w", d.flag, err)}
		}
		body[d.member] = value
	}
	return body, nil
}

func (s *fields) value(cmd *cobra.Command, i int) (any, error) {
	switch s.all[i].kind {
	case boolField:
		return s.bools[i], nil
	case countField:
		n, err := strconv.ParseInt(s.values[i], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%q is not a whole number", s.values[i])
		}
		return n, nil
	case secretField:
		return readFile(cmd.InOrStdin(), s.values[i])
	case listField:
		return append([]string{}, s.lists[i]...), nil
	case flowsField:
		return flowNumbers(s.lists[i])
	}
	return s.values[i], nil
}

// flowNumbers parses flow numbers; "all" alone is null, which means all flows.
func flowNumbers(words []string) (any, error) {
	if len(words) == 1 && words[0] == "all" {
		return nil, nil
	}
	numbers := []int64{}
	for _, w := range words {
		n, err := strconv.ParseInt(w, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%q is not the number of a flow", w)
		}
		numbers = append(numbers, n)
	}
	return numbers, nil
}
