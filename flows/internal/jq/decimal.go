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

func decimalFunctions() []function {
	binary := func(signature, doc string, f func(a, b decimal.Decimal) decimal.Decimal) function {
		return define(signature, doc, func(in any, args []any) (any, error) {
			a, b, err := decimals(in, args[0])
			if err != nil {
				return nil, err
			}
			return number(f(a, b))
		})
	}
	return []function{
		binary("decimal_add(x)", "The sum: `0.1 | decimal_add(0.2)` is `0.3`.", decimal.Decimal.Add),
		binary("decimal_sub(x)", "The difference.", decimal.Decimal.Sub),
		binary("decimal_mul(x)", "The product.", decimal.Decimal.Mul),
		define("decimal_div(x; places)", "The quotient, rounded to decimal places, halves to even: `10 | decimal_div(3; 2)` is `3.33`.", divide),
		define("decimal_round(places)", "Rounded to decimal places, halves to even.", func(in any, args []any) (any, error) {
			d, places, err := decimalAndPlaces(in, args[0])
			if err != nil {
				return nil, err
			}
			return number(d.RoundBank(places))
		}),
		define("decimal_format(places)", "A text with decimal places: `12.3 | decimal_format(2)` is `\"12.30\"`.", func(in any, args []any) (any, error) {
			d, places, err := decimalAndPlaces(in, args[0])
			if err != nil {
				return nil, err
			}
			return d.StringFixedBank(places), nil
		}),
		define("decimal_sum", "The sum of a list.", func(in any, _ []any) (any, error) {
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
