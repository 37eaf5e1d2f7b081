package flows_test

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/reference"
)

// The examples in the reference of functions are true.
func TestFunctionExamples(t *testing.T) {
	t.Parallel()
	examples := 0
	for _, page := range reference.Pages(catalogue()) {
		if page.Name != "functions" {
			continue
		}
		for _, m := range regexp.MustCompile("`([^`]+)` is `([^`]+)`").FindAllStringSubmatch(strings.ReplaceAll(page.Markdown, `\|`, "|"), -1) {
			examples++
			if got, err := transformed(t, "("+m[1]+") == "+m[2]); err != nil || got != "true" {
				t.Errorf("%s is not %s: %s, %v", m[1], m[2], got, err)
			}
		}
	}
	if examples < 14 {
		t.Errorf("only %d examples", examples)
	}
}

func TestFunctions(t *testing.T) {
	t.Parallel()
	for program, want := range map[string]string{
		// Time zones, by the rules of the IANA's data.
		`1782907200 | to_zone("Europe/London")`:                                              `"2026-07-01T13:00:00+01:00"`,
		`1782907200.25 | to_zone("UTC")`:                                                     `"2026-07-01T12:00:00.25Z"`,
		`"2026-01-01T00:30:00+14:00" | to_zone("America/St_Johns")`:                          `"2025-12-31T07:00:00-03:30"`,
		`"2026-12-01" | from_zone("America/New_York")`:                                       `"2026-12-01T05:00:00Z"`,
		`"2026-10-25T01:30:00" | from_zone("Europe/London")`:                                 `"2026-10-25T00:30:00Z"`, // comes twice: the first
		`"2026-03-29T01:30:00" | from_zone("Europe/London")`:                                 `"2026-03-29T01:30:00Z"`, // is skipped: the offset before
		`"2026-03-29T02:00:00" | from_zone("Europe/London")`:                                 `"2026-03-29T01:00:00Z"`,
		`"2026-03-29T00:59:59" | from_zone("Europe/London")`:                                 `"2026-03-29T00:59:59Z"`,
		`["2026-11-01T01:59:59","2026-03-08T02:30:00"] | map(from_zone("America/New_York"))`: `["2026-11-01T05:59:59Z","2026-03-08T07:30:00Z"]`,
		// Calendars.
		`["2024-02-29" | add_months(12, -12, 48)]`:                                      `["2025-02-28","2023-02-28","2028-02-29"]`,
		`"2026-12-31T23:00:00+01:00" | add_months(2)`:                                   `"2027-02-28T23:00:00+01:00"`,
		`"2026-03-31T08:00:00" | add_months(-1)`:                                        `"2026-02-28T08:00:00"`,
		`["2026-02-28" | add_days(1, -59)]`:                                             `["2026-03-01","2025-12-31"]`,
		`["2026-11-27" | add_workdays(1, 0, -5, 10)]`:                                   `["2026-11-30","2026-11-27","2026-11-20","2026-12-11"]`, // a Friday
		`"2026-11-28" | add_workdays(1)`:                                                `"2026-11-30"`,
		`"2026-12-24" | add_workdays(2; ["2026-12-25", "2026-12-28"])`:                  `"2026-12-30"`,
		`["2027-01-01","2020-12-31","2026-06-29"] | map(iso_week | [.year,.week,.day])`: `[[2026,53,5],[2020,53,4],[2026,27,1]]`,
		// Patterns.
		`"3.7.26 5:09 PM" | parse_time("d.M.yy h:mm a")`:                               `"2026-07-03T17:09:00"`,
		`"2026-07-03 17:09:01.250 +0200" | parse_time("yyyy-MM-dd HH:mm:ss.SSS xx")`:   `"2026-07-03T17:09:01.25+02:00"`,
		`"03/Jul/2026:17:09:01 +0000" | parse_time("dd/MMM/yyyy:HH:mm:ss Z")`:          `"2026-07-03T17:09:01Z"`,
		`"Friday, July 3, 2026" | parse_time("EEEE, MMMM d, yyyy")`:                    `"2026-07-03"`,
		`"20260703" | parse_time("yyyyMMdd")`:                                          `"2026-07-03"`,
		`"03.07.2026 10:00" | parse_time("dd.MM.yyyy HH:mm"; "Europe/Berlin")`:         `"2026-07-03T08:00:00Z"`,
		`"2026-07-03" | format_time("EEEE, d MMMM yyyy")`:                              `"Friday, 3 July 2026"`,
		`"2026-07-03T07:05:09.5Z" | format_time("H:mm:ss.SSS h a XXX xxx 'at''s' yy")`: `"7:05:09.500 7 AM Z +00:00 at's 26"`,
		`"2026-07-03T07:05:09Z" | format_time("dd.MM.yyyy HH:mm"; "Asia/Kolkata")`:     `"03.07.2026 12:35"`,
		`"2026 2007 is no layout" | parse_time("yyyy '2007 is no layout'")`:            "parse_time: the pattern needs year, month and day",
		// Numbers and money.
		`[0, 999, 1000, -1234567.885, "12345678901234567890.125"] | map(format_number(2))`: `["0.00","999.00","1,000.00","-1,234,567.88","12,345,678,901,234,567,890.12"]`,
		`1234567 | format_number(0; " "; ",")`:                                             `"1 234 567"`,
		`[1234.5 | format_money("JPY", "KWD", "CHF")]`:                                     `["JPY 1,234","KWD 1,234.500","CHF 1,234.50"]`,
		`["19.99", 0.29, 1] | map(to_minor_units("USD"))`:                                  `[1999,29,100]`,
		`[500 | to_minor_units("JPY"), from_minor_units("JPY")]`:                           `[500,500]`,
		`1230 | from_minor_units("eur")`:                                                   `12.3`,
		`1 | from_minor_units("BHD")`:                                                      `0.001`,
		// Text.
		`["Straße nach Łódź", "  --a__b!! ", "日本", "O'Brien’s"] | map(slug)`:                                                                  `["strasse-nach-lodz","a-b","","obriens"]`,
		`"<h1>A &amp; B</h1><p>one<br>two <b>th</b>ree</p><ul><li>x<li>y</ul><script>if (a<b) z()</script><style>p{}</style>end" | html_text`: `"A & B\n\none\ntwo three\n\n- x\n- y\nend"`,
		`"<title>t</title><!-- c --><table><tr><td>a<td>b<tr><td>c</table>" | html_text`:                                                      `"a b\nc"`,
		`"a < b &lt;i&gt; \u00a0c" | html_text`:                                                                                               `"a < b <i> c"`,
		`"abc" | [hash("md5"), hash("sha1"; "base64"), (hash("sha256")[:8])]`:                                                                 `["900150983cd24fb0d6963f7d28e17f72","qZk+NkcGgWq6PiVxeFDCbJzQ2J0=","ba7816bf"]`,
		`"Hi There" | hmac("sha256"; "\u000b" * 20)`:                                                                                          `"b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"`, // RFC 4231, 4.2
		`def slug: 1; slug`: `1`,
		// Mistakes.
		`"2026-07-01T12:00:00" | to_zone("UTC")`:                             `"2026-07-01T12:00:00" is no moment: it has no offset`,
		`"2026-07-01T12:00:00Z" | from_zone("UTC")`:                          "is a moment already",
		`0 | to_zone("Local")`:                                               `"Local" is no time zone such as Europe/London`,
		`0 | to_zone("../UTC")`:                                              "is no time zone",
		`0 | to_zone("Europe/Londn")`:                                        "is no time zone",
		`"2026-02-30" | add_days(1)`:                                         "is no date or time",
		`"2026-02-28" | add_days(1.5)`:                                       "expected a whole number up to 100000",
		`"9999-12-31" | add_days(1)`:                                         "the year 10000 is not from 0 to 9999",
		`"2026-07-03" | format_time("YYYY")`:                                 "write yyyy",
		`"2026-07-03" | format_time("HH")`:                                   "has no time for the pattern",
		`"2026-07-03T10:00:00" | format_time("XXX")`:                         "has no offset for the pattern",
		`"Mon 01.07.2026" | parse_time("EEE dd.MM.yyyy")`:                    "the day is a Wednesday",
		`"01.07.2026 05:00" | parse_time("dd.MM.yyyy hh:mm")`:                "needs a for AM or PM",
		`"01.07.2026 05 PM" | parse_time("dd.MM.yyyy HH a")`:                 "needs h beside a",
		`"01.07.2026 05" | parse_time("dd.MM.yyyy mm")`:                      "needs hour, minute and second",
		`"01.07.2026 125" | parse_time("dd.MM.yyyy SSS")`:                    "needs hour, minute and second",
		`"31.02.2026" | parse_time("dd.MM.yyyy")`:                            "is no time",
		`"31.12.2026 x" | parse_time("dd.MM.yyyy")`:                          `" x" is left`,
		`"1.12.2026" | parse_time("dd.MM.yyyy")`:                             `expected dd at "1.12.2026"`,
		`"1122026" | parse_time("dMyyyy")`:                                   "d needs text after it in the pattern",
		`"a" | parse_time("yyyy-MM-dd'")`:                                    "a ' without another",
		`"12.345" | to_minor_units("EUR")`:                                   "has a part of the smallest unit",
		`12.5 | from_minor_units("EUR")`:                                     "expected a whole number of smallest units, not 12.5",
		`1 | format_money("EURO")`:                                           "is no currency such as EUR",
		`"a" | hash("crc32")`:                                                "is no algorithm",
		`1 | slug`:                                                           "what becomes a slug is a text, not 1",
		`slugg`:                                                              "did you mean slug?",
		`"2026-01-01" | [range(1000) as $i | add_workdays(100000)] | length`: "takes longer than",
		`("<p>" * 3000000) | html_text`:                                      "takes longer than",
	} {
		got, err := transformed(t, strings.ReplaceAll(program, "\n", " "))
		if err != nil {
			got = err.Error()
		}
		if got != want && (err == nil || !strings.Contains(got, want)) {
			t.Errorf("%s\n is %s\nwant %s", program, got, want)
		}
	}
}

// UUIDs differ between items, steps and calls, and are the same in each attempt, in each try of a step, and in a run that
// continues another one.
func TestUUIDs(t *testing.T) {
	t.Parallel()
	var tries []any
	twice := flows.Kind{Name: "twice", Effect: flows.Read, Params: []flows.Param{{Name: "value", Type: flows.TypeTemplate, Inline: true}},
		New: func(args *flows.Args) (flows.Runner, error) {
			value := args.Template("value")
			return flows.RunFunc(func(ctx context.Context, in *flows.Input) ([]any, error) {
				v, err := value.Render(ctx, in)
				if tries = append(tries, v); len(tries)%2 == 1 && err == nil {
					err = &flows.Error{Upstream: 503}
				}
				return []any{v}, err
			}), nil
		}}
	flow, err := flows.Parse("test.yaml", []byte("flow: 1\nsteps:\n  - split: .[]\n  - transform: '{a: uuid, b: [uuid, uuid], i: .}'\n"+
		"  - twice: '${ .c = uuid }'\n    if: uuid != null\n    concurrency: 1\n    retry: {attempts: 2, backoff: 0s}\n"), catalogue().With(twice))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{}
	for _, run := range []flows.Run{{ID: "a", Attempt: 1}, {ID: "a", Attempt: 2}, {ID: "b", Origin: "a", Attempt: 1}, {ID: "c", Attempt: 1}} {
		run.Event, run.Deadline = []any{1, 2}, time.Time{}
		items, err := flow.Execute(t.Context(), run, flows.Env{})
		if err != nil {
			t.Fatal(err)
		}
		text := string(flows.EncodeJSON(items))
		all := regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`).FindAllString(text, -1)
		distinct := map[string]bool{}
		for _, id := range all {
			distinct[id] = true
		}
		if len(distinct) != 8 {
			t.Errorf("%d UUIDs, want 8: %s", len(distinct), text)
		}
		seen[fmt.Sprint(run.ID, run.Attempt)] = text
	}
	for i := 0; i < len(tries); i += 2 {
		if a, b := string(flows.EncodeJSON(tries[i])), string(flows.EncodeJSON(tries[i+1])); a != b {
			t.Errorf("two tries of a step: %s, %s", a, b)
		}
	}
	if seen["a1"] != seen["a2"] || seen["a1"] != seen["b1"] || seen["a1"] == seen["c1"] {
		t.Errorf("UUIDs %v", seen)
	}
}
