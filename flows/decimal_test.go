package flows_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/flows"
)

// transformed returns the first output of a program over null, as JSON.
func transformed(t *testing.T, program string) (string, error) {
	t.Helper()
	flow, err := flows.Parse("test.yaml", []byte("flow: 1\nsteps:\n  - transform: |\n      "+program+"\n"), catalogue())
	if err != nil {
		return "", err
	}
	items, err := flow.Execute(t.Context(), flows.Run{ID: "r", Attempt: 1}, flows.Env{})
	if err != nil {
		return "", err
	}
	return string(flows.EncodeJSON(items[0])), nil
}

// The functions for decimal numbers compute as one does on paper, and round half to even.
func TestDecimals(t *testing.T) {
	t.Parallel()
	nines := strings.Repeat("9", 900)
	for program, want := range map[string]string{
		`0.1 | decimal_add(0.2)`:                                                 `0.3`,
		`"0.10" | decimal_add(0.20)`:                                             `0.3`,
		`"12345678901234567890.12" | decimal_add("0.01")`:                        `12345678901234567890.13`,
		`1 | decimal_sub(0.9)`:                                                   `0.1`,
		`1.1 | decimal_mul(1.1)`:                                                 `1.21`,
		`"1e3" | decimal_mul("2E-3")`:                                            `2`,
		`10 | decimal_div(4; 2)`:                                                 `2.5`,
		`[1, -1, 2, -2] | map(decimal_div(3; 2))`:                                `[0.33,-0.33,0.67,-0.67]`,
		`[0.5, 1.5, 2.5, -0.5, -1.5] | map(decimal_div(1; 0))`:                   `[0,2,2,0,-2]`,
		`[1, 3, 5, -1, -3] | map(decimal_div(2; 0))`:                             `[0,2,2,0,-2]`,
		`[0.125, 0.135, -0.125, 1.005] | map(decimal_round(2))`:                  `[0.12,0.14,-0.12,1]`,
		`[12.3, 0.125, 1e3, "7"] | map(decimal_format(2))`:                       `["12.30","0.12","1000.00","7.00"]`,
		`[0.1, "0.2", 0.3, 12345678901234567890] | decimal_sum`:                  `12345678901234567890.6`,
		`[] | decimal_sum`:                                                       `0`,
		`[range(10) | 0.1] | decimal_sum`:                                        `1`,
		`"12345678901234567890.12" | tonumber`:                                   `12345678901234567890.12`,
		`["1.10", "0.30", "-0.5", "1e2", "007.5"] | map(tonumber)`:               `[1.1,0.3,-0.5,100,7.5]`,
		`"0.1234567890123456789" | tonumber | [., (. == 0.1234567890123456789)]`: `[0.1234567890123456789,true]`,
		`null | decimal_add(1)`:                                                  `!decimal_add: null is no number`,
		`"abc" | decimal_add(1)`:                                                 `!decimal_add: "abc" is no number`,
		`"0x10" | decimal_add(1)`:                                                `!is no number`,
		`"1_000" | decimal_add(1)`:                                               `!is no number`,
		`"" | decimal_add(1)`:                                                    `!is no number`,
		`"." | decimal_add(1)`:                                                   `!is no number`,
		`"+-1" | decimal_add(1)`:                                                 `!is no number`,
		`"1e" | decimal_add(1)`:                                                  `!is no number`,
		`"NaN" | decimal_add(1)`:                                                 `!is no number`,
		`infinite | decimal_add(1)`:                                              `!is no number`,
		`1 | decimal_div(0; 2)`:                                                  `!decimal_div: 1 is divided by zero`,
		`1 | decimal_div(3; 101)`:                                                `!decimal places are a whole number from 0 to 100, not 101`,
		`1 | decimal_round(0.5)`:                                                 `!decimal places are a whole number from 0 to 100, not 0.5`,
		`1 | decimal_sum`:                                                        `!decimal_sum: needs a list of numbers, not 1`,
		`"1e1000000000" | decimal_add(1)`:                                        `!a number has more than 1000 digits`,
		`1 | decimal_add("1e-1000000000")`:                                       `!a number has more than 1000 digits`,
		`"` + nines + `" | decimal_mul(` + nines + `)`:                           `!the result has more than 1000 digits`,
		`"` + nines + nines + nines + `" | decimal_add(1)`:                       `!a number has more than 1000 digits`,
		`1 | decimal_ad(1)`:                                                      `!unknown function decimal_ad/1`,
		`1 | decimal_add(1; 2)`:                                                  `!unknown function decimal_add/2`,
	} {
		got, err := transformed(t, program)
		says, fails := strings.CutPrefix(want, "!")
		if fails && (err == nil || !strings.Contains(err.Error(), says)) || !fails && (err != nil || got != want) {
			t.Errorf("%.80s: %s %v, want %s", program, got, err, want)
		}
	}
}

// A sum of many numbers is bounded in time.
func TestDecimalSumIsBounded(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("9", 999)
	begun := time.Now()
	_, err := transformed(t, fmt.Sprintf(`[limit(900000; repeat("%s"))] | [., ., ., .] | map(decimal_sum)`, long))
	if err == nil || !strings.Contains(err.Error(), "takes longer than") {
		t.Errorf("%v after %v", err, time.Since(begun))
	}
}
