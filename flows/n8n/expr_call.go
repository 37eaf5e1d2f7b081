package n8n

import (
	"strconv"
	"strings"
)

// functions are the functions of JavaScript that jq has, by their names, with the argument in place of %.
var functions = map[string]struct { // read only
	code string
	is   kindOf
}{
	"String":             {"% | tostring", isText},
	"Number":             {"% | tonumber", isNumber},
	"parseFloat":         {"% | tonumber", isNumber},
	"parseInt":           {"% | tonumber | trunc", isNumber},
	"JSON.parse":         {"% | fromjson", isAny},
	"JSON.stringify":     {"% | tojson", isText},
	"Object.keys":        {"% | keys", isList},
	"Object.values":      {"[%[]]", isList},
	"Array.isArray":      {`% | type == "array"`, isBool},
	"Math.floor":         {"% | floor", isNumber},
	"Math.ceil":          {"% | ceil", isNumber},
	"Math.round":         {"% + 0.5 | floor", isNumber},
	"Math.trunc":         {"% | trunc", isNumber},
	"Math.abs":           {"% | abs", isNumber},
	"Math.sqrt":          {"% | sqrt", isNumber},
	"encodeURIComponent": {"% | @uri", isText},
	"Number.isInteger":   {`% | type == "number" and . == floor`, isBool},
}

// approximate says of which functions and methods the result may differ, and how.
var approximate = map[string]string{ // read only
	"parseInt":       "parseInt of a text that does not end with the number is a failure",
	"parseFloat":     "parseFloat of a text that does not end with the number is a failure",
	"Number":         "Number of a text that is no number is a failure",
	"JSON.stringify": "the members of the JSON text are sorted by name",
	"Object.keys":    "the names are sorted",
	"Object.values":  "the values are sorted by their names",
	"toUpperCase":    "letters other than those of ASCII stay as they are",
	"toLowerCase":    "letters other than those of ASCII stay as they are",
}

// call translates a call.
func (tr *translator) call(x *js) (term, error) {
	callee, args := x.args[0], x.args[1:]
	if name := dotted(callee); name != "" {
		if note := approximate[name]; note != "" {
			tr.check = append(tr.check, note)
		}
		if f, ok := functions[name]; ok && len(args) == 1 {
			of, err := tr.expr(args[0])
			if err != nil {
				return term{}, err
			}
			return term{code: strings.ReplaceAll(f.code, "%", of.in()), is: f.is, whole: strings.HasPrefix(f.code, "[")}, nil
		}
		switch name {
		case "Math.max", "Math.min":
			list, err := tr.array(&js{args: args})
			return list.pipe(name[len("Math."):], isNumber), err
		case "Boolean":
			if len(args) == 1 {
				of, err := tr.expr(args[0])
				return tr.truth(of), err
			}
		case "Date.now":
			return term{code: "now * 1000 | floor", is: isDate}, nil
		case "DateTime.now":
			return tr.expr(&js{op: jsName, text: "$now"})
		case "DateTime.fromISO":
			if len(args) == 1 {
				return tr.moment(args[0])
			}
		}
	}
	if callee.op != jsMember {
		return term{}, cannot("the function %s is not translated", callee.text)
	}
	of, err := tr.expr(callee.args[0])
	if err != nil {
		return term{}, err
	}
	return tr.method(of, callee.text, args)
}

// dotted is the name of a function of JavaScript.
func dotted(x *js) string {
	switch {
	case x.op == jsName:
		return x.text
	case x.op == jsMember && x.args[0].op == jsName:
		return x.args[0].text + "." + x.text
	}
	return ""
}

// moment is a time of Luxon that a text gives.
func (tr *translator) moment(x *js) (term, error) {
	of, err := tr.expr(x)
	if err != nil {
		return term{}, err
	}
	return of.pipe("to_zone("+literal(tr.at.w.zone()).code+")", isMoment), nil
}

// date translates new Date.
func (tr *translator) date(x *js) (term, error) {
	if x.args[0].text != "Date" || len(x.args) > 2 {
		return term{}, cannot("new %s is not translated", x.args[0].text)
	}
	if len(x.args) == 1 {
		return term{code: "now * 1000 | floor", is: isDate}, nil
	}
	of, err := tr.expr(x.args[1])
	switch {
	case err != nil:
		return term{}, err
	case of.is == isDate || of.is == isNumber:
		return term{code: of.code, whole: of.whole, is: isDate}, nil
	}
	tr.check = append(tr.check, "a time without an offset is a failure")
	return of.pipe(`if type == "number" then . else (to_zone("UTC") | (format_time("yyyy-MM-dd'T'HH:mm:ss'Z'") | fromdate) * 1000 + (format_time("SSS") | tonumber)) end`, isDate), nil
}

// method translates a method. Arguments are evaluated where . is something else, unless they are literals.
func (tr *translator) method(of term, name string, args []*js) (term, error) {
	if note := approximate[name]; note != "" {
		tr.check = append(tr.check, note)
	}
	if name == "toDateTime" && len(args) == 0 && of.is != isMoment && of.is != isDate {
		return of.pipe("to_zone("+literal(tr.at.w.zone()).code+")", isMoment), nil // without an offset a failure
	}
	switch of.is {
	case isMoment:
		return tr.momentMethod(of, name, args)
	case isDate:
		return tr.dateMethod(of, name, args)
	}
	if len(args) > 0 && args[0].op == jsArrow {
		return tr.arrowMethod(of, name, args)
	}
	if (name == "replace" || name == "replaceAll" || name == "match" || name == "split") && len(args) > 0 && args[0].op == jsRegexp {
		return tr.regexp(of, name, args)
	}
	terms := make([]term, len(args))
	for i, arg := range args {
		var err error
		if terms[i], err = tr.nested(arg); err != nil {
			return term{}, err
		}
	}
	if t, ok := methodOf(of, name, terms); ok {
		return t, nil
	}
	return term{}, cannot("the method %s is not translated", name)
}

// methodOf has the methods of texts and lists, and those that n8n adds.
func methodOf(of term, name string, args []term) (term, bool) {
	arg := func(i int) string { return args[i].code }
	list := of.is == isList
	switch name + "/" + strconv.Itoa(len(args)) {
	case "toString/0", "toJsonString/0":
		if name == "toJsonString" {
			return of.pipe("tojson", isText), true
		}
		return of.text(), true
	case "toUpperCase/0":
		return of.pipe("ascii_upcase", isText), true
	case "toLowerCase/0":
		return of.pipe("ascii_downcase", isText), true
	case "trim/0":
		return of.pipe("trim", isText), true
	case "trimStart/0":
		return of.pipe("ltrim", isText), true
	case "trimEnd/0":
		return of.pipe("rtrim", isText), true
	case "split/1":
		return of.pipe("split("+arg(0)+")", isList), true
	case "join/1":
		return of.pipe("join("+arg(0)+")", isText), true
	case "join/0":
		return of.pipe(`join(",")`, isText), true
	case "startsWith/1":
		return of.pipe("startswith("+arg(0)+")", isBool), true
	case "endsWith/1":
		return of.pipe("endswith("+arg(0)+")", isBool), true
	case "includes/1":
		switch {
		case of.is == isText:
			return of.pipe("contains("+arg(0)+")", isBool), true
		case list:
			return of.pipe("any(. == "+args[0].in()+")", isBool), true
		}
		return of.pipe(`if type == "array" then any(. == `+args[0].in()+`) else contains(`+arg(0)+") end", isBool), true
	case "indexOf/1":
		if list {
			return of.pipe("map(. == "+args[0].in()+") | index(true) // -1", isNumber), true
		}
		return of.pipe(`if type == "array" then map(. == `+args[0].in()+") | index(true) else index("+arg(0)+") end // -1", isNumber), true
	case "slice/1", "substring/1", "substr/1":
		if args[0].is == isNumber && (args[0].known || name == "slice") {
			return term{code: of.in() + "[" + arg(0) + ":]", whole: true, is: of.is}, true
		}
	case "slice/2", "substring/2":
		if args[0].is == isNumber && args[1].is == isNumber && args[0].known && args[1].known {
			return term{code: of.in() + "[" + arg(0) + ":" + arg(1) + "]", whole: true, is: of.is}, true
		}
	case "concat/1":
		if list && args[0].is == isList {
			return term{code: of.in() + " + " + args[0].in(), is: isList}, true
		}
		if of.is == isText {
			return term{code: of.in() + " + " + args[0].text().in(), is: isText}, true
		}
	case "reverse/0":
		return of.pipe("reverse", isList), true
	case "replaceAll/2":
		if args[0].is == isText {
			return of.pipe("split("+arg(0)+") | join("+arg(1)+")", isText), true
		}
	case "replace/2":
		if args[0].is == isText {
			return of.pipe("split("+arg(0)+") | if length < 2 then .[0] else .[0] + "+args[1].in()+" + (.[1:] | join("+arg(0)+")) end", isText), true
		}
	case "padStart/2", "padEnd/2":
		if args[0].is == isNumber && args[1].known && len(args[1].code) == 3 {
			fill := "(([" + arg(0) + " - length, 0] | max) as $n | " + `if $n == 0 then "" else ` + args[1].code + " * $n end)"
			if name == "padStart" {
				return of.pipe(fill+" + .", isText), true
			}
			return of.pipe(". + "+fill, isText), true
		}
	case "hasOwnProperty/1":
		return of.pipe("has("+arg(0)+")", isBool), true
	case "isEmpty/0":
		return of.pipe(`. == null or . == "" or . == [] or . == {}`, isBool), true
	case "isNotEmpty/0":
		return of.pipe(`. != null and . != "" and . != [] and . != {}`, isBool), true
	case "first/0":
		return of.pipe("first", isAny), true
	case "last/0":
		return of.pipe("last", isAny), true
	case "sum/0":
		return of.pipe("map(tonumber) | add", isNumber), true
	case "unique/0":
		return of.pipe("reduce .[] as $v ([]; if any(. == $v) then . else . + [$v] end)", isList), true
	case "keys/0":
		return of.pipe("keys", isList), true
	case "toInt/0":
		return of.pipe("tonumber | trunc", isNumber), true
	case "toNumber/0", "toFloat/0":
		return of.pipe("tonumber", isNumber), true
	case "round/0":
		return of.pipe("tonumber + 0.5 | floor", isNumber), true
	case "urlEncode/0":
		return of.pipe("@uri", isText), true
	case "base64Encode/0":
		return of.pipe("@base64", isText), true
	case "base64Decode/0":
		return of.pipe("@base64d", isText), true
	}
	return term{}, false
}

// arrowMethod translates a method of lists with a function.
func (tr *translator) arrowMethod(of term, name string, args []*js) (term, error) {
	f := args[0]
	if len(args) != 1 || len(f.names) != 1 {
		return term{}, cannot("%s with more than one parameter is not translated", name)
	}
	param := f.names[0]
	shadowed := tr.names[param]
	tr.names[param] = true
	body, err := tr.nested(f.args[0])
	tr.names[param] = shadowed
	if err != nil {
		return term{}, err
	}
	if !plainName.MatchString(param) || param == "json" {
		return term{}, cannot("the parameter %s is not translated", param)
	}
	bind := ". as $" + param + " | "
	test := bind + tr.truth(body).code
	switch name {
	case "map":
		return of.pipe("map("+bind+body.code+")", isList), nil
	case "filter":
		return of.pipe("map(select("+test+"))", isList), nil
	case "find":
		return of.pipe("[.[] | select("+test+")][0]", isAny), nil
	case "some":
		return of.pipe("any("+test+")", isBool), nil
	case "every":
		return of.pipe("all("+test+")", isBool), nil
	case "flatMap":
		return of.pipe("map("+bind+body.code+`) | map(if type == "array" then .[] else . end)`, isList), nil
	}
	return term{}, cannot("the method %s is not translated", name)
}

// regexp translates methods of texts with a regular expression that is the same in both languages.
func (tr *translator) regexp(of term, name string, args []*js) (term, error) {
	flags := strings.ReplaceAll(args[0].flags, "u", "")
	if strings.Trim(flags, "gi") != "" || strings.Contains(args[0].text, "(?") || strings.Contains(args[0].text, `\p`) || strings.Contains(args[0].text, `\b`) {
		return term{}, cannot("the regular expression /%s/%s is not translated", args[0].text, args[0].flags)
	}
	pattern := literal(strings.ReplaceAll(args[0].text, `\/`, "/")).code
	ignore := ""
	if strings.Contains(flags, "i") {
		ignore = `; "i"`
	}
	global := strings.Contains(flags, "g")
	switch {
	case strings.HasPrefix(name, "replace") && len(args) == 2 && args[1].op == jsText && !strings.Contains(args[1].text, "$"):
		f := map[bool]string{true: "gsub", false: "sub"}[global]
		return of.pipe(f+"("+pattern+"; "+literal(args[1].text).code+ignore+")", isText), nil
	case name == "match" && len(args) == 1 && !global && !strings.Contains(args[0].text, "("):
		return of.pipe("[match("+pattern+ignore+").string] | if length == 0 then null else . end", isAny), nil
	}
	return term{}, cannot("%s with a regular expression is not translated", name)
}

// luxon has the functions that add to a time, by the unit's name.
var luxon = map[string]string{ // read only
	"day": "add_days(%)", "week": "add_days(7 * %)", "month": "add_months(%)", "year": "add_months(12 * %)",
}

// seconds of the units that are always as long.
var seconds = map[string]int{"second": 1, "minute": 60, "hour": 3600} // read only

// addTime is a program that adds an amount to a moment with an offset, as text.
func addTime(unit, amount, zone string) (string, bool) {
	unit = strings.TrimSuffix(unit, "s")
	if code, ok := luxon[unit]; ok {
		code = strings.ReplaceAll(code, "%", amount)
		if zone != "UTC" { // the clock's time stays, whatever the offset
			z := literal(zone).code
			code = `(format_time("yyyy-MM-dd'T'HH:mm:ss.SSS") | ` + code + ` | from_zone(` + z + `) | to_zone(` + z + `))`
		}
		return code, true
	}
	if n, ok := seconds[unit]; ok {
		return `((to_zone("UTC") | (format_time("yyyy-MM-dd'T'HH:mm:ss'Z'") | fromdate) + (format_time("SSS") | tonumber / 1000)) + ` +
			strconv.Itoa(n) + " * " + amount + " | to_zone(" + literal(zone).code + "))", true
	}
	return "", false
}

func (tr *translator) momentMethod(of term, name string, args []*js) (term, error) {
	switch {
	case (name == "plus" || name == "minus") && len(args) == 1 && args[0].op == jsObject && len(args[0].names) == 1:
		return tr.shift(of, name, args[0].names[0], args[0].args[0])
	case (name == "plus" || name == "minus") && len(args) == 2 && args[1].op == jsText:
		return tr.shift(of, name, args[1].text, args[0])
	case (name == "toISO" || name == "toString" || name == "toJSON") && len(args) == 0:
		return of.pipe(tr.at.w.iso(), isText), nil
	case name == "toISODate":
		return of.pipe(`format_time("yyyy-MM-dd")`, isText), nil
	case (name == "toFormat" || name == "format") && len(args) == 1 && args[0].op == jsText:
		pattern, ok := luxonPattern(args[0].text)
		if !ok {
			return term{}, cannot("the pattern %q is not translated", args[0].text)
		}
		return of.pipe(pattern, isText), nil
	case name == "toMillis":
		return of.pipe(`(to_zone("UTC") | (format_time("yyyy-MM-dd'T'HH:mm:ss'Z'") | fromdate) * 1000 + (format_time("SSS") | tonumber))`, isDate), nil
	case name == "toUTC":
		return of.pipe(`to_zone("UTC")`, isMoment), nil
	case name == "setZone" && len(args) == 1:
		zone, err := tr.nested(args[0])
		return of.pipe("to_zone("+zone.code+")", isMoment), err
	case name == "startOf" && len(args) == 1:
		if pattern, ok := startOf[args[0].text]; ok {
			return of.pipe(`format_time(`+literal(pattern).code+`)`, isMoment), nil
		}
	case name == "toDateTime" && len(args) == 0:
		return of, nil
	}
	return term{}, cannot("the method %s of a time is not translated", name)
}

// startOf has the patterns that cut a time.
var startOf = map[string]string{ // read only
	"year": "yyyy'-01-01T00:00:00.000'XXX", "month": "yyyy-MM'-01T00:00:00.000'XXX", "day": "yyyy-MM-dd'T00:00:00.000'XXX",
	"hour": "yyyy-MM-dd'T'HH':00:00.000'XXX", "minute": "yyyy-MM-dd'T'HH:mm':00.000'XXX", "second": "yyyy-MM-dd'T'HH:mm:ss'.000'XXX",
}

func (tr *translator) shift(of term, name, unit string, by *js) (term, error) {
	amount, err := tr.nested(by)
	if err != nil {
		return term{}, err
	}
	n := amount.number().in()
	if name == "minus" {
		n = "-" + n
		if amount.known {
			n = "-" + amount.code
		}
	}
	code, ok := addTime(unit, n, tr.at.w.zone())
	if !ok {
		return term{}, cannot("the unit %q is not translated", unit)
	}
	return of.pipe(code, isMoment), nil
}

func (tr *translator) dateMethod(of term, name string, args []*js) (term, error) {
	if len(args) > 0 {
		return term{}, cannot("the method %s of a Date is not translated", name)
	}
	utc := func(pattern string) term {
		return term{code: of.in() + ` / 1000 | format_time(` + literal(pattern).code + `; "UTC")`, is: isText}
	}
	switch name {
	case "getTime", "valueOf":
		return term{code: of.code, whole: of.whole, is: isNumber}, nil
	case "toISOString", "toJSON":
		return utc("yyyy-MM-dd'T'HH:mm:ss.SSS'Z'"), nil
	case "toUTCString":
		return utc("EEE, dd MMM yyyy HH:mm:ss 'GMT'"), nil
	case "getUTCFullYear", "getUTCHours", "getUTCMinutes", "getUTCDate", "getFullYear", "getHours", "getMinutes", "getDate", "getSeconds":
		field := map[string]string{"FullYear": "yyyy", "Hours": "H", "Minutes": "m", "Date": "d", "Seconds": "s"}[strings.TrimPrefix(strings.TrimPrefix(name, "get"), "UTC")]
		if !strings.HasPrefix(name, "getUTC") {
			tr.check = append(tr.check, "the local time of a Date is taken to be UTC")
		}
		return utc(field).pipe("tonumber", isNumber), nil
	case "getMonth", "getUTCMonth":
		return utc("M").pipe("tonumber - 1", isNumber), nil
	}
	return term{}, cannot("the method %s of a Date is not translated", name)
}

// luxonPattern is a program that formats a time by a pattern of Luxon.
func luxonPattern(pattern string) (string, bool) {
	switch pattern {
	case "X":
		return `(to_zone("UTC") | format_time("yyyy-MM-dd'T'HH:mm:ss'Z'") | fromdate | tostring)`, true
	case "x":
		return `((to_zone("UTC") | (format_time("yyyy-MM-dd'T'HH:mm:ss'Z'") | fromdate) * 1000 + (format_time("SSS") | tonumber)) | tostring)`, true
	}
	var b strings.Builder
	for i := 0; i < len(pattern); {
		c := pattern[i]
		if c == '\'' {
			end := strings.IndexByte(pattern[i+1:], '\'')
			if end < 0 {
				return "", false
			}
			b.WriteString(pattern[i : i+end+2])
			i += end + 2
			continue
		}
		n := 1
		for i+n < len(pattern) && pattern[i+n] == c {
			n++
		}
		letters := pattern[i : i+n]
		i += n
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
			field, ok := luxonFields[letters]
			if !ok {
				return "", false
			}
			letters = field
		}
		b.WriteString(letters)
	}
	return "format_time(" + literal(b.String()).code + ")", true
}

// luxonFields are the letters of Luxon that have an equivalent.
var luxonFields = map[string]string{ // read only
	"yyyy": "yyyy", "yy": "yy", "MMMM": "MMMM", "MMM": "MMM", "MM": "MM", "M": "M", "LLLL": "MMMM", "LLL": "MMM", "LL": "MM", "L": "M",
	"dd": "dd", "d": "d", "EEEE": "EEEE", "EEE": "EEE", "cccc": "EEEE", "ccc": "EEE", "HH": "HH", "H": "H", "hh": "hh", "h": "h", "a": "a",
	"mm": "mm", "m": "m", "ss": "ss", "s": "s", "SSS": "SSS", "S": "S", "ZZ": "xxx", "ZZZ": "xx", "T": "HH:mm",
}
