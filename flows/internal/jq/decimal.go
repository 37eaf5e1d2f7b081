package jq

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/penstock/penstock/third_party/gojq"
)

// The functions for decimal numbers compute exactly, where jq's operators compute with floats. They take numbers and
// texts of numbers, and return numbers.

// maxDigits is the maximum number of digits of a decimal number, and maxPlaces that of its decimal places after a
// division or rounding.
const maxDigits, maxPlaces = 1000, 100

// decimalPrefix is what the names of the functions begin with.
const decimalPrefix = "decimal_"

// decimalNames are the names of the functions. Read only.
var decimalNames = []string{"decimal_add", "decimal_sub", "decimal_mul", "decimal_div", "decimal_round", "decimal_format", "decimal_sum"}

// decimalFunctions are the options that add the functions to a program.
func decimalFunctions() []gojq.CompilerOption {
	binary := func(name string, f func(a, b decimal.Decimal) decimal.Decimal) gojq.CompilerOption {
		return decimalFunction(name, 1, func(in any, args []any) (any, error) {
			a, b, err := decimals(in, args[0])
			if err != nil {
				return nil, err
			}
			return number(f(a, b))
		})
	}
	return []gojq.CompilerOption{
		binary("decimal_add", decimal.Decimal.Add),
		binary("decimal_sub", decimal.Decimal.Sub),
		binary("decimal_mul", decimal.Decimal.Mul),
		decimalFunction("decimal_div", 2, divide),
		decimalFunction("decimal_round", 1, func(in any, args []any) (any, error) {
			d, places, err := decimalAndPlaces(in, args[0])
			if err != nil {
				return nil, err
			}
			return number(d.RoundBank(places))
		}),
		decimalFunction("decimal_format", 1, func(in any, args []any) (any, error) {
			d, places, err := decimalAndPlaces(in, args[0])
			if err != nil {
				return nil, err
			}
			return d.StringFixedBank(places), nil
		}),
		decimalFunction("decimal_sum", 0, func(in any, _ []any) (any, error) {
			list, ok := in.([]any)
			if !ok {
				return nil, fmt.Errorf("needs a list of numbers, not %s", gojq.Preview(in))
			}
			sum := decimal.Zero
			for _, v := range list {
				d, err := decimalOf(v)
				if err != nil {
					return nil, err
				}
				sum = sum.Add(d)
			}
			return number(sum)
		}),
	}
}

// decimalFunction adds a function whose errors begin with its name.
func decimalFunction(name string, args int, f func(in any, args []any) (any, error)) gojq.CompilerOption {
	return gojq.WithFunction(name, args, args, func(in any, args []any) any {
		v, err := f(in, args)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return v
	})
}

// divide rounds half to even, like rounding does.
func divide(in any, args []any) (any, error) {
	a, b, err := decimals(in, args[0])
	if err != nil {
		return nil, err
	}
	places, err := placesOf(args[1])
	if err != nil {
		return nil, err
	}
	if b.IsZero() {
		return nil, fmt.Errorf("%s is divided by zero", gojq.Preview(in))
	}
	quotient, rest := a.QuoRem(b, places)
	if rest.IsZero() {
		return number(quotient)
	}
	unit := decimal.New(int64(a.Sign()*b.Sign()), -places)
	switch twice := rest.Abs().Mul(decimal.NewFromInt(2)); twice.Cmp(b.Abs().Mul(unit.Abs())) {
	case 1:
		quotient = quotient.Add(unit)
	case 0:
		if new(big.Int).Rem(quotient.Shift(places).BigInt(), big.NewInt(2)).Sign() != 0 {
			quotient = quotient.Add(unit)
		}
	}
	return number(quotient)
}

func decimals(v, w any) (a, b decimal.Decimal, err error) {
	if a, err = decimalOf(v); err == nil {
		b, err = decimalOf(w)
	}
	return a, b, err
}

// decimalOf returns a number, or the text of one, exactly.
func decimalOf(v any) (decimal.Decimal, error) {
	var text string
	switch v := v.(type) {
	case json.Number:
		text = v.String()
	case string:
		text = strings.TrimSpace(v)
	case int:
		text = strconv.Itoa(v)
	case float64:
		text = strconv.FormatFloat(v, 'g', -1, 64)
	case *big.Int:
		if v.BitLen() > 4*maxDigits {
			return decimal.Zero, fmt.Errorf("a number has more than %d digits", maxDigits)
		}
		text = v.String()
	default:
		return decimal.Zero, fmt.Errorf("%s is no number", gojq.Preview(v))
	}
	if len(text) > 2*maxDigits {
		return decimal.Zero, fmt.Errorf("a number has more than %d digits", maxDigits)
	}
	digits, exponent, _ := strings.Cut(strings.ToLower(text), "e")
	shift, err := strconv.Atoi(exponent)
	if exponent != "" && err != nil || !isDecimal(digits) {
		return decimal.Zero, fmt.Errorf("%s is no number", gojq.Preview(v))
	}
	if len(digits)+max(shift, -shift) > maxDigits {
		return decimal.Zero, fmt.Errorf("a number has more than %d digits", maxDigits)
	}
	d, err := decimal.NewFromString(text)
	if err != nil {
		return decimal.Zero, fmt.Errorf("%s is no number", gojq.Preview(v))
	}
	return d, nil
}

// isDecimal reports whether a text is digits, with at most one sign before them and one point among them.
func isDecimal(text string) bool {
	whole, fraction, _ := strings.Cut(strings.TrimLeft(text, "+-"), ".")
	return len(text)-len(strings.TrimLeft(text, "+-")) <= 1 && whole+fraction != "" && strings.Trim(whole+fraction, "0123456789") == ""
}

func decimalAndPlaces(in, places any) (decimal.Decimal, int32, error) {
	n, err := placesOf(places)
	if err != nil {
		return decimal.Zero, 0, err
	}
	d, err := decimalOf(in)
	return d, n, err
}

func placesOf(v any) (int32, error) {
	d, err := decimalOf(v)
	if err != nil {
		return 0, err
	}
	if !d.IsInteger() || d.IsNegative() || d.GreaterThan(decimal.NewFromInt(maxPlaces)) {
		return 0, fmt.Errorf("decimal places are a whole number from 0 to %d, not %s", maxPlaces, gojq.Preview(v))
	}
	return int32(d.IntPart()), nil
}

// number returns a decimal as a number of a program.
func number(d decimal.Decimal) (any, error) {
	text := d.String()
	if len(text) > maxDigits {
		return nil, fmt.Errorf("the result has more than %d digits", maxDigits)
	}
	return json.Number(text), nil
}
