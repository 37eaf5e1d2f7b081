package jq

import (
	"encoding/json"
	"fmt"
	"math/big"
	"math/bits"

	"github.com/penstock/penstock/internal/strictjson"
	"github.com/penstock/penstock/third_party/gojq"
)

// native charges c for one operation on its input and arguments. The operands of an operator are its arguments.
type native func(b *cost, in any, args []any)

// natives are the gojq operations whose cost depends on their operands. All others take constant time.
var natives = map[string]native{
	"_iterate": each, "_index": indexing, "_slice": slicing, "reverse": each, "keys": each,

	"_add": adding, "_subtract": subtracting, "_multiply": multiplying, "_divide": dividing, "_modulo": numbers,
	"_equal": comparing, "_notequal": comparing, "_greater": comparing, "_less": comparing,
	"_greatereq": comparing, "_lesseq": comparing,
	"_negate": numbers, "_range": numbers, "tonumber": reading,

	"contains": func(b *cost, in any, args []any) { containing(b, in, args[0]) },
	"inside":   func(b *cost, in any, args []any) { containing(b, args[0], in) },
	"indices":  searching, "index": searching, "rindex": searching,

	"decimal_sum": func(b *cost, in any, _ []any) {
		const steps = 50 // of one number
		list, _ := in.([]any)
		b.times(len(list), steps)
	},
	"add": summing, "_index_rows": indexingRows, "join": joining, "flatten": flattening, "transpose": transposing,

	"sort": sorting, "unique": sorting, "min": sorting, "max": sorting,
	"_sort_by": sortingBy, "_group_by": sortingBy, "_unique_by": sortingBy, "_min_by": sortingBy, "_max_by": sortingBy,
	"bsearch": bisecting,

	"tojson": writing, "tostring": writing, "format": writing, "error": failing,
	"_tohtml": writing, "_touri": writing, "_tourid": writing, "_tocsv": writing, "_totsv": writing,
	"_tosh": writing, "_tobase64": writing, "_tobase64d": writing,

	"length": scanning, "utf8bytelength": scanning, "ascii_downcase": scanning, "ascii_upcase": scanning,
	"trim": scanning, "ltrim": scanning, "rtrim": scanning, "startswith": scanning, "endswith": scanning,
	"ltrimstr": scanning, "rtrimstr": scanning, "trimstr": scanning, "strptime": formatting, "fromdateiso8601": scanning,
	"strftime": formatting, "strflocaltime": formatting,
	"explode": splitting, "split": splitting, "fromjson": splitting, "implode": each,

	"getpath": reaching, "setpath": assigning, "_setpath": updating,
	"delpaths": deleting, "_delpaths": deleting,
}

// resultChecked are the operations whose result is new and may be large. The results of the others are parts of their
// operands.
var resultChecked = map[string]bool{
	"_add": true, "_multiply": true, "add": true, "join": true, "flatten": true, "tojson": true, "tostring": true,
	"format": true, "_tohtml": true, "_touri": true, "_tosh": true, "_tocsv": true, "_totsv": true, "_tobase64": true,
	"setpath": true, "_setpath": true, "transpose": true, "_index_rows": true, "_match": true, "implode": true,
}

func comparing(b *cost, _ any, args []any) { b.addComparison(args[0], args[1]) }

func numbers(b *cost, in any, args []any) {
	b.add(scalarCost(in))
	for _, v := range args {
		b.add(scalarCost(v))
	}
}

// indexingRows charges for an object with a member for each row.
func indexingRows(b *cost, in any, _ []any) {
	rows, _ := in.([]any)
	b.add(5 * len(rows))
	b.bytes = 64 * len(rows)
}

// each charges for a single pass over an array or object.
func each(b *cost, in any, _ []any) {
	switch v := in.(type) {
	case []any:
		b.add(len(v))
		b.bytes = 32 * len(v)
	case map[string]any:
		b.add(sortCost(len(v)))
		b.bytes = 32 * len(v)
	}
}

func indexing(b *cost, _ any, args []any) {
	switch v := args[0].(type) {
	case string:
		b.addReads(v)
	case []any:
		if wanted, ok := args[1].([]any); ok {
			occurrences(b, v, wanted)
		}
	}
}

func slicing(b *cost, _ any, args []any) { b.addReads(args[0], args[0]) }

func adding(b *cost, _ any, args []any) {
	b.add(copyCost(args[0]) + copyCost(args[1]))
	b.bytes = copyBytes(args[0]) + copyBytes(args[1])
}

func subtracting(b *cost, _ any, args []any) {
	l, ok := args[0].([]any)
	r, both := args[1].([]any)
	if !ok || !both {
		numbers(b, nil, args)
		return
	}
	b.times(len(r), b.size(l))
	b.times(len(l), b.size(r))
}

func multiplying(b *cost, _ any, args []any) {
	l, r := args[0], args[1]
	if s, ok := l.(string); ok {
		repeating(b, s, r)
		return
	}
	if s, ok := r.(string); ok {
		repeating(b, s, l)
		return
	}
	if _, ok := l.(map[string]any); ok {
		b.add(b.size(l))
		b.add(b.size(r))
		b.bytes = copyBytes(l) + copyBytes(r)
		return
	}
	if digits(l)+digits(r) > maxProduct {
		b.err = fmt.Errorf("multiplies numbers of more than %d digits", maxProduct)
		return
	}
	numbers(b, nil, args)
}

func repeating(b *cost, s string, times any) {
	n, ok := gojq.ToFloat64(times)
	if ok && n*float64(len(s)) > maxText {
		b.err = ErrTooLarge
	} else if ok && n > 0 {
		b.bytes = int(n * float64(len(s)))
		b.add(b.bytes / 32)
	}
}

// maxProduct is the maximum number of digits of both factors of a product together.
const maxProduct = 19_660

// digits estimates the number of decimal digits of an integer.
func digits(v any) int {
	switch v := v.(type) {
	case *big.Int:
		return v.BitLen() * 3 / 10
	case json.Number:
		return len(v)
	}
	return 0
}

func dividing(b *cost, _ any, args []any) {
	if _, ok := args[0].(string); ok {
		splitting(b, args[0], nil)
		return
	}
	n := digits(args[0]) + digits(args[1])
	b.add(n * n / 1000)
	numbers(b, nil, args)
}

// reading limits the length of a text that is parsed as a number.
func reading(b *cost, in any, _ []any) {
	if s, ok := in.(string); ok {
		if len(s) > strictjson.MaxDigits {
			b.err = fmt.Errorf("reads a number of %d characters, %d are allowed", len(s), strictjson.MaxDigits)
		}
		b.add(len(s))
	}
}

func containing(b *cost, l, r any) {
	if s, ok := l.(string); ok {
		b.addReads(s, r)
		return
	}
	b.times(b.size(l), b.size(r))
}

func searching(b *cost, in any, args []any) {
	switch v := in.(type) {
	case string:
		wanted, ok := args[0].(string)
		if !ok || wanted == "" {
			return
		}
		b.bytes = 24 * (len(v) + len(wanted))
		b.add(4 * len(v))
		first := 0
		for i := range len(v) {
			if v[i] == wanted[0] {
				first++
			}
		}
		b.times(first, len(wanted))
	case []any:
		wanted, ok := args[0].([]any)
		if !ok {
			wanted = []any{args[0]}
		}
		occurrences(b, v, wanted)
	}
}

// occurrences charges for comparing every part of list with wanted.
func occurrences(b *cost, list, wanted []any) {
	if len(wanted) == 0 || len(wanted) > len(list) {
		return
	}
	b.add(3 * len(list))
	b.times(len(list)-len(wanted)+1, b.size(wanted))
	b.times(len(wanted), b.size(list))
}

func summing(b *cost, in any, _ []any) { joining(b, in, nil) }

func joining(b *cost, in any, args []any) {
	between := 0
	if len(args) > 0 {
		between = copyBytes(args[0])
	}
	one := func(v any) bool {
		b.bytes += copyBytes(v) + between
		return b.add(1+copyCost(v)+between/32) && b.bytes <= MaxValueSize
	}
	switch v := in.(type) {
	case []any:
		for _, element := range v {
			if !one(element) {
				break
			}
		}
	case map[string]any:
		b.add(sortCost(len(v)))
		for _, member := range v {
			if !one(member) {
				break
			}
		}
	}
	if b.bytes > MaxValueSize {
		b.err = ErrTooLarge
	}
}

func flattening(b *cost, in any, _ []any) {
	n := b.size(in)
	b.add(n)
	b.bytes = 16 * n
	if n > b.left {
		b.err = ErrTooLarge
	}
}

func transposing(b *cost, in any, _ []any) {
	rows, _ := in.([]any)
	longest := 0
	for _, row := range rows {
		if cells, ok := row.([]any); ok {
			longest = max(longest, len(cells))
		}
	}
	if len(rows)*longest > 2*maxElements {
		b.err = ErrTooLarge
		return
	}
	b.add(len(rows) + len(rows)*longest)
	b.bytes = 16 * len(rows) * longest
}

// sorting charges each element for the comparisons of a sort.
func sorting(b *cost, in any, _ []any) {
	list, _ := in.([]any)
	b.bytes = 48 * len(list)
	b.times(b.size(in), 2+bits.Len(uint(len(list))))
}

func sortingBy(b *cost, in any, args []any) {
	b.add(copyCost(in))
	sorting(b, args[0], nil)
}

func bisecting(b *cost, in any, args []any) {
	list, _ := in.([]any)
	b.times(8+b.size(args[0]), 1+bits.Len(uint(len(list))))
}

// writing checks a value that becomes text against the limits of a value that leaves a program.
func writing(b *cost, in any, _ []any) {
	switch v := in.(type) {
	case string:
		b.add(len(v) / 4)
		b.bytes = 2 * len(v)
	case []any, map[string]any:
		n := b.size(in)
		if b.steps > b.left {
			b.err = ErrTooLarge
		} else if b.err = Check(in); b.err == nil {
			b.add(n)
		}
	default:
		b.add(scalarCost(v))
	}
}

// failing is writing for the argument of error, which may become text.
func failing(b *cost, in any, args []any) {
	if len(args) > 0 {
		in = args[0]
	}
	writing(b, in, nil)
}

func scanning(b *cost, in any, args []any) {
	b.addReads(in)
	b.addReads(args...)
}

// formatting limits the widths in a date pattern: %1000000000d would produce a gigabyte.
func formatting(b *cost, in any, args []any) {
	pattern, _ := args[0].(string)
	b.addReads(in, pattern)
	run := 0
	for _, c := range pattern {
		if run++; c < '0' || c > '9' {
			run = 0
		}
		if run > 3 {
			b.err = ErrTooLarge
		}
	}
	b.bytes = 32 * len(pattern)
}

func splitting(b *cost, in any, _ []any) {
	if s, ok := in.(string); ok {
		b.add(2 * len(s))
		b.bytes = 24 * len(s)
	}
}

func reaching(b *cost, _ any, args []any) { traversing(b, args[0]) }

func assigning(b *cost, in any, args []any) {
	updating(b, in, args)
	b.add(along(in, args[0]))
}

// updating charges for the first copy of the values on a path; the clock is checked before a copy that may be large.
func updating(b *cost, in any, args []any) {
	if traversing(b, args[0]); b.err == nil {
		b.bytes = 16 * along(in, args[0])
	}
}

// along returns the total length of the values on a path.
func along(v, path any) int {
	parts, _ := path.([]any)
	sum := copyCost(v)
	for _, part := range parts {
		switch at := v.(type) {
		case map[string]any:
			name, _ := part.(string)
			v = at[name]
		case []any:
			i, ok := gojq.ToInt(part)
			if !ok || i < 0 || i >= len(at) {
				return sum
			}
			v = at[i]
		default:
			return sum
		}
		sum += copyCost(v)
	}
	return sum
}

// traversing limits the length of a path and the indices in it: an assignment allocates all elements before the
// index.
func traversing(b *cost, path any) {
	list, _ := path.([]any)
	if len(list) > strictjson.MaxDepth {
		b.err = fmt.Errorf("uses a path of %d parts, %d are allowed", len(list), strictjson.MaxDepth)
		return
	}
	b.add(len(list))
	for _, part := range list {
		if n, ok := gojq.ToInt(part); ok && n > maxElements {
			b.err = fmt.Errorf("uses an index beyond %d", maxElements)
		}
	}
}

// deleting charges for sorting the paths and for a pass over the whole value.
func deleting(b *cost, in any, args []any) {
	paths, _ := args[0].([]any)
	if len(paths) == 0 {
		return
	}
	sorting(b, paths, nil)
	for _, path := range paths {
		traversing(b, path)
	}
	b.times(2, b.size(in)) // values on the paths are copied once
}
