package jq

import (
	"fmt"
	"strings"

	"golang.org/x/text/currency"

	"github.com/penstock/penstock/third_party/gojq"
)

func moneyFunctions() []function {
	return []function{
		define("format_number(places)", "A text with decimal places, and commas between the thousands: `1234.5 | format_number(2)` is `\"1,234.50\"`. Halves are rounded to even.", func(in any, args []any) (any, error) {
			return formatNumber(in, args[0], ",", ".")
		}),
		define("format_number(places; thousands; point)", "Likewise with other separators: `1234.5 | format_number(2; \".\"; \",\")` is `\"1.234,50\"`.", func(in any, args []any) (any, error) {
			thousands, err := textOf(args[1], "the separator of thousands")
			if err != nil {
				return nil, err
			}
			point, err := textOf(args[2], "the decimal point")
			if err != nil {
				return nil, err
			}
			if len(thousands) > 8 || len(point) > 8 {
				return nil, fmt.Errorf("a separator has at most 8 bytes")
			}
			return formatNumber(in, args[0], thousands, point)
		}),
		define("format_money(currency)", "An amount with its currency and that one's decimal places: `1234.5 | format_money(\"EUR\")` is `\"EUR 1,234.50\"`.", func(in any, args []any) (any, error) {
			places, code, err := currencyPlaces(args[0])
			if err != nil {
				return nil, err
			}
			text, err := formatNumber(in, int(places), ",", ".")
			return code + " " + text, err
		}),
		define("to_minor_units(currency)", "An amount in the smallest unit of a currency, as payment services want it: `12.3 | to_minor_units(\"EUR\")` is `1230`. An amount with a part of that unit is a failure.", func(in any, args []any) (any, error) {
			places, code, err := currencyPlaces(args[0])
			if err != nil {
				return nil, err
			}
			d, err := decimalOf(in)
			if err != nil {
				return nil, err
			}
			if d = d.Shift(places); !d.IsInteger() {
				return nil, fmt.Errorf("%s %s has a part of the smallest unit: round it first", gojq.Preview(in), code)
			}
			return number(d)
		}),
		define("from_minor_units(currency)", "The amount of a number of smallest units: `1230 | from_minor_units(\"EUR\")` is `12.3`.", func(in any, args []any) (any, error) {
			places, _, err := currencyPlaces(args[0])
			if err != nil {
				return nil, err
			}
			d, err := decimalOf(in)
			if err != nil {
				return nil, err
			}
			if !d.IsInteger() {
				return nil, fmt.Errorf("expected a whole number of smallest units, not %s", d)
			}
			return number(d.Shift(-places))
		}),
	}
}

// formatNumber writes a number with separators.
func formatNumber(in, places any, thousands, point string) (string, error) {
	d, n, err := decimalAndPlaces(in, places)
	if err != nil {
		return "", err
	}
	whole, fraction, some := strings.Cut(d.StringFixedBank(n), ".")
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "-", whole[1:]
	}
	var b strings.Builder
	b.WriteString(sign)
	for i, c := range whole {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteString(thousands)
		}
		b.WriteRune(c)
	}
	if some {
		b.WriteString(point + fraction)
	}
	return b.String(), nil
}

// currencyPlaces returns the number of decimal places of a currency by ISO 4217. The tables of package currency are those
// of the CLDR, which say how amounts are shown, not what the smallest unit is.
func currencyPlaces(v any) (int32, string, error) {
	code, err := textOf(v, "a currency")
	if err != nil {
		return 0, "", err
	}
	if _, err := currency.ParseISO(code); err != nil {
		return 0, "", fmt.Errorf("%s is no currency such as EUR (ISO 4217)", gojq.Preview(v))
	}
	code = strings.ToUpper(code) // payment services write small letters
	switch code {
	case "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF":
		return 0, code, nil
	case "BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND":
		return 3, code, nil
	case "CLF", "UYW":
		return 4, code, nil
	}
	return 2, code, nil
}
