package flows

import (
	"encoding/json"
	"fmt"
	"math/big"

	"github.com/itchyny/gojq"
)

// guards are the functions that guarded programs call. The first argument of
// each is the meter.
func guards() []gojq.CompilerOption {
	return []gojq.CompilerOption{
		gojq.WithFunction("_p_grown", 1, 1, checked(grown)),
		gojq.WithFunction("_p_whole", 1, 1, checked((*meter).whole)),
		gojq.WithFunction("_p_parts", 1, 1, checked(splittable)),
		gojq.WithFunction("_p_matched", 1, 1, checked(matchable)),
		gojq.WithFunction("_p_table", 1, 1, checked(transposable)),
		gojq.WithFunction("_p_number", 1, 1, checked(numeric)),
		gojq.WithFunction("_p_index", 1, 1, checked(indexable)),
		gojq.WithFunction("_p_path", 1, 1, checked(pathable)),
		gojq.WithFunction("_p_pair", 3, 3, checkedPair(comparable)),
		gojq.WithFunction("_p_times", 3, 3, checkedPair(multipliable)),
	}
}

// checked passes its input on, or fails.
func checked(check func(*meter, any) error) func(any, []any) any {
	return func(v any, args []any) any {
		if err := check(args[0].(*meter), v); err != nil {
			return err
		}
		return v
	}
}

// checkedPair passes two operands on as an array, or fails.
func checkedPair(check func(m *meter, l, r any) error) func(any, []any) any {
	return func(_ any, args []any) any {
		l, r := args[1], args[2]
		if err := check(args[0].(*meter), l, r); err != nil {
			return err
		}
		return []any{l, r}
	}
}

// grown holds a result to the bounds of one value and charges for it.
func grown(m *meter, v any) error {
	switch v := v.(type) {
	case string:
		if len(v) > maxText {
			return errTooLarge
		}
		return m.charge(len(v))
	case []any:
		if len(v) > maxElements {
			return errTooLarge
		}
		return m.charge(16 * len(v))
	case map[string]any:
		if len(v) > maxElements {
			return errTooLarge
		}
		return m.charge(64 * len(v))
	}
	return nil
}

// splittable charges for the parts of a text before it is taken apart.
func splittable(m *meter, v any) error {
	if s, ok := v.(string); ok {
		return m.charge(24 * len(s))
	}
	return nil
}

func matchable(m *meter, v any) error {
	s, ok := v.(string)
	if !ok || len(s) < 1<<10 {
		return nil
	}
	if len(s) > maxMatched {
		return fmt.Errorf("matches a text of %d bytes, %d are allowed", len(s), maxMatched)
	}
	return m.charge(64 * len(s))
}

// transposable bounds a table whose short rows transpose fills up.
func transposable(m *meter, v any) error {
	rows, _ := v.([]any)
	longest := 0
	for _, row := range rows {
		if cells, ok := row.([]any); ok {
			longest = max(longest, len(cells))
		}
	}
	if len(rows)*longest > 2*maxElements {
		return errTooLarge
	}
	return m.charge(16 * len(rows) * longest)
}

func numeric(_ *meter, v any) error {
	if s, ok := v.(string); ok && len(s) > maxDigits {
		return fmt.Errorf("reads a number of %d characters, %d are allowed", len(s), maxDigits)
	}
	return nil
}

func indexable(_ *meter, v any) error {
	if n, ok := gojq.ToInt(v); ok && (n > maxElements || n < -maxElements) {
		return fmt.Errorf("uses an index beyond %d", maxElements)
	}
	return nil
}

func pathable(m *meter, v any) error {
	list, ok := v.([]any)
	if !ok {
		return nil
	}
	if len(list) > maxDepth {
		return fmt.Errorf("uses a path of %d parts, %d are allowed", len(list), maxDepth)
	}
	for _, part := range list {
		if err := indexable(m, part); err != nil {
			return err
		}
	}
	return nil
}

// comparable bounds two operands that are walked together.
func comparable(m *meter, l, r any) error {
	switch l := l.(type) {
	case []any:
		if r, ok := r.([]any); ok && len(l)*len(r) > 10*maxElements {
			return errTooLarge
		}
		if s, ok := r.(string); ok { // join
			if err := m.charge(len(l) * len(s)); err != nil {
				return err
			}
		}
	case map[string]any:
	case string:
		if len(l) > 1<<10 {
			return m.charge(24 * len(l))
		}
		return nil
	default:
		return nil
	}
	if err := m.whole(l); err != nil {
		return err
	}
	return m.whole(r)
}

func multipliable(m *meter, l, r any) error {
	if s, ok := l.(string); ok {
		return repeatable(s, r)
	}
	if s, ok := r.(string); ok {
		return repeatable(s, l)
	}
	if _, ok := l.(map[string]any); ok {
		return comparable(m, l, r)
	}
	if bits(l)+bits(r) > 64<<10 {
		return fmt.Errorf("multiplies numbers of more than %d digits", 64<<10*3/10)
	}
	return nil
}

func repeatable(s string, times any) error {
	if n, ok := gojq.ToFloat64(times); ok && n*float64(len(s)) > maxText {
		return errTooLarge
	}
	return nil
}

// bits is about the size of a number.
func bits(v any) int {
	switch v := v.(type) {
	case *big.Int:
		return v.BitLen()
	case json.Number:
		return 4 * len(v)
	}
	return 64
}
