package schema

import (
	"encoding/json"
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// decimal is a number as digits without a point and without leading or trailing zeros, times ten to the exponent.
// Zero has no digits.
type decimal struct {
	negative bool
	digits   string
	exponent int
}

// decimalOf converts a number of any supported type. An exponent that overflows becomes the largest one.
func decimalOf(v any) (decimal, bool) {
	switch v := v.(type) {
	case json.Number:
		return parseDecimal(string(v)), true
	case int:
		return parseDecimal(strconv.Itoa(v)), true
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return decimal{}, false
		}
		return parseDecimal(strconv.FormatFloat(v, 'g', -1, 64)), true
	case *big.Int:
		return parseDecimal(v.String()), true
	case int64:
		return parseDecimal(strconv.FormatInt(v, 10)), true
	case uint64:
		return parseDecimal(strconv.FormatUint(v, 10)), true
	}
	return decimal{}, false
}

func parseDecimal(s string) decimal {
	var d decimal
	s, d.negative = strings.CutPrefix(s, "-")
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		n, err := strconv.ParseInt(s[i+1:], 10, 32)
		if d.exponent = int(n); err != nil && strings.HasPrefix(s[i+1:], "-") {
			d.exponent = math.MinInt32
		}
		s = s[:i]
	}
	if whole, fraction, ok := strings.Cut(s, "."); ok {
		d.exponent -= len(fraction)
		s = whole + fraction
	}
	s = strings.TrimLeft(s, "0")
	short := strings.TrimRight(s, "0")
	d.exponent += len(s) - len(short)
	if d.digits = short; short == "" {
		return decimal{}
	}
	return d
}

// text returns a text that is equal for equal numbers.
func (d decimal) text() string {
	sign := "+"
	if d.negative {
		sign = "-"
	}
	return sign + d.digits + "e" + strconv.Itoa(d.exponent)
}

func (d decimal) integer() bool { return d.exponent >= 0 }

// computable reports whether the exponent of d is small enough for exact arithmetic.
func (d decimal) computable() bool { return d.exponent <= maxExponent && d.exponent >= -2*maxExponent }

func (d decimal) rat() *big.Rat {
	digits := d.digits
	if digits == "" {
		return new(big.Rat)
	}
	if d.negative {
		digits = "-" + digits
	}
	r, _ := new(big.Rat).SetString(digits + "e" + strconv.Itoa(d.exponent))
	return r
}

// compare returns the sign of d - other. The exponent of other is limited, so that a d beyond the computable range is
// larger, or nearer to zero, than any other.
func (d decimal) compare(other *big.Rat) int {
	sign := 1
	if d.negative {
		sign = -1
	}
	switch {
	case d.computable():
		return d.rat().Cmp(other)
	case d.exponent > 0:
		return sign
	case other.Sign() != 0:
		return -other.Sign()
	}
	return sign
}

// bound is minimum, maximum, or one of their exclusive forms.
type bound struct {
	keyword string
	limit   *big.Rat
	small   int64 // the limit, when it fits an int64
	isSmall bool
	sign    int  // forbidden sign of (number - limit)
	open    bool // the limit itself is forbidden as well
}

func boundsOf(s *jsonschema.Schema) []bound {
	var all []bound
	for _, b := range []bound{
		{keyword: "minimum", limit: s.Minimum, sign: -1},
		{keyword: "maximum", limit: s.Maximum, sign: 1},
		{keyword: "exclusiveMinimum", limit: s.ExclusiveMinimum, sign: -1, open: true},
		{keyword: "exclusiveMaximum", limit: s.ExclusiveMaximum, sign: 1, open: true},
	} {
		if b.limit == nil {
			continue
		}
		if b.limit.IsInt() && b.limit.Num().IsInt64() {
			b.small, b.isSmall = b.limit.Num().Int64(), true
		}
		all = append(all, b)
	}
	return all
}

// satisfied reports whether v is within the bound.
func (b *bound) satisfied(v any) bool {
	sign := 0
	if n, ok := smallInt(v); ok && b.isSmall {
		switch {
		case n < b.small:
			sign = -1
		case n > b.small:
			sign = 1
		}
	} else {
		d, _ := decimalOf(v)
		sign = d.compare(b.limit)
	}
	return sign != b.sign && (sign != 0 || !b.open)
}

func smallInt(v any) (int64, bool) {
	switch v := v.(type) {
	case int:
		return int64(v), true
	case json.Number:
		if len(v) < 19 {
			n, err := strconv.ParseInt(string(v), 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}

// multiple reports whether v is an integer multiple of the divisor.
func multiple(v any, divisor *big.Rat) bool {
	d, _ := decimalOf(v)
	if d.digits == "" {
		return true
	}
	if d.exponent < -2*maxExponent {
		return false
	}
	if d.computable() {
		return new(big.Rat).Quo(d.rat(), divisor).IsInt()
	}
	// v / (p/q) is an integer when p divides v*q; v is an integer here.
	digits, _ := new(big.Int).SetString(d.digits, 10)
	p := divisor.Num()
	power := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(d.exponent)), p)
	product := digits.Mul(digits, divisor.Denom())
	return new(big.Int).Mod(product.Mul(product, power), p).Sign() == 0
}
