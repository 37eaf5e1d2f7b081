package reference

import (
	"fmt"
	"strings"

	"github.com/penstock/penstock/flows/internal/jq"
)

const functionsIntro = `# All functions

Every function that a program in a flow may call. The functions of the first groups are Penstock's own; those of the others are
[jq's](https://jqlang.org/manual), which work as they do there. A function applies to its input: ` + "`.name | slug`" + `.

A date is a text such as ` + "`2026-07-01`" + `, a local time one such as ` + "`2026-07-01T13:00:00`" + `, a moment one with an offset, such as
` + "`2026-07-01T13:00:00+01:00`" + `, or a number of seconds since 1970. The time zones are those of the IANA, by their names.

` + "`now`" + ` is the time at which the program is evaluated: a run that resumes evaluates the programs of steps without effects again.

` + "`secret(name)`" + ` is the value of a [stored secret](connections.md#a-secret-in-a-request), in requests of ` + "`http`" + ` steps only.

`

const patternsOfTimes = `
## Patterns of times

As in [Unicode TR 35](https://www.unicode.org/reports/tr35/tr35-dates.html#Date_Field_Symbol_Table): letters stand for a field, text in
` + "`' '`" + ` and all other characters for themselves. Names are English.

| letters | field |
|---|---|
| ` + "`yyyy`, `yy`" + ` | year, of four or two digits; 00 to 68 are of this century |
| ` + "`MMMM`, `MMM`, `MM`, `M`" + ` | month: July, Jul, 07, 7 |
| ` + "`dd`, `d`" + ` | day of the month: 01, 1 |
| ` + "`EEEE`, `EEE`" + ` | day of the week: Wednesday, Wed |
| ` + "`HH`, `H`" + ` | hour, 0 to 23 |
| ` + "`hh`, `h`, `a`" + ` | hour, 1 to 12; AM or PM |
| ` + "`mm`, `m`, `ss`, `s`" + ` | minute, second |
| ` + "`S`, `SS`, `SSS`, `SSSSSS`" + ` | decimal places of the second |
| ` + "`XXX`, `XX`, `X`" + ` | offset: +01:00, +0100, +01; Z is UTC |
| ` + "`xxx`, `xx`, `Z`" + ` | offset: +01:00, +0100, +0100; never Z |

` + "`parse_time` needs a year, month and day, `a` beside `h`, and each field of the time down to the smallest." + ` It refuses a day of the week
that the date is not.
`

// functionsPage lists the functions of programs, one table for each group.
func functionsPage() string {
	var b strings.Builder
	b.WriteString(functionsIntro)
	group, doc := "", ""
	for _, f := range jq.Functions() {
		call := "`" + f.Name + f.Args + "`"
		switch {
		case f.Group != group:
			if group != "" {
				fmt.Fprintf(&b, " | %s |\n\n", cell(doc))
			}
			fmt.Fprintf(&b, "## %s\n\n| function | result |\n|---|---|\n| %s", f.Group, call)
		case f.Doc == doc:
			b.WriteString(", " + call)
		default:
			fmt.Fprintf(&b, " | %s |\n| %s", cell(doc), call)
		}
		group, doc = f.Group, f.Doc
	}
	fmt.Fprintf(&b, " | %s |\n", cell(doc))
	return b.String() + patternsOfTimes
}

// cell escapes the text of a cell of a table.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }
