package jq

import "strings"

// builtinDocs say what the functions of jq do. One line is a group of the reference, or calls that one sentence
// explains: "min, max". A call has the names of its arguments: "range(from; to)".
const builtinDocs = `
# Lists and objects
length — The number of elements, members or characters; of a number its absolute value.
keys — The names of an object, sorted, or the indices of a list.
has(name) — Whether an object has a member, or a list an index.
in(object) — Whether the input is the name of a member of an object.
add, add(f) — The sum of all elements, or of all results: numbers, texts, lists or objects.
map(f), map_values(f) — The list of the results for all elements; the same with one result for each element or member, in its place.
to_entries, from_entries, with_entries(f) — An object as a list of {key, value}; the reverse; f between both.
select(f) — The input if f is true for it, else nothing.
any, any(f), any(generator; f), all, all(f), all(generator; f) — Whether some element is true, or every one; f is the condition.
IN(values), IN(source; values) — Whether the input, or some result of source, is among the values.
INDEX(f), INDEX(stream; f) — An object of the elements by the text that f gives for each.
JOIN(index; f), JOIN(index; stream; f), JOIN(index; stream; f; join) — Elements together with those that an INDEX has for the key f.
first, first(f), last, last(f), nth(n), nth(n; f) — The first, last or n-th element or result, counted from 0.
limit(n; f), skip(n; f) — The first n results; all but those.
range(to), range(from; to), range(from; to; by) — Numbers, the end not included.
flatten, flatten(depth) — Lists within a list become their elements, at all depths or down to one.
reverse — The elements, or the characters of a text, in the reverse order.
sort, sort_by(f), group_by(f), unique, unique_by(f), min, min_by(f), max, max_by(f) — By the elements, or by what f gives for each.
contains(part), inside(whole) — Whether the input contains a part: a part of a text, of a list, of an object; the reverse.
index(part), rindex(part), indices(part) — The first, the last, or all positions of a part.
bsearch(value) — The index of a value in a sorted list; -1 minus its place if it is not there.
combinations, combinations(n) — All lists of one element of each list; of n elements of a list.
transpose — Rows become columns.
join(separator) — The texts of a list with a separator between them.
isempty(f) — Whether f has no result.
empty — No result.
error, error(message) — Fails with the input or a message.
not — false for what is true, and true for false and null.
# Types
type — "null", "boolean", "number", "string", "array" or "object".
arrays, objects, iterables, booleans, numbers, strings, nulls, scalars, values, finites, normals — The input if it is of the type, else nothing. values is everything but null.
tostring, tonumber, toboolean, tojson, fromjson — Conversions. tonumber keeps every digit of a text.
# Text
ascii_downcase, ascii_upcase — Small or capital letters, of ASCII only.
startswith(text), endswith(text) — Whether the text begins or ends with another.
ltrimstr(text), rtrimstr(text), trimstr(text) — Without a text at the beginning, at the end, or at both.
trim, ltrim, rtrim — Without white space at both ends, or at one.
split(separator), split(regex; flags), splits(regex), splits(regex; flags) — The parts of a text, as a list; splits gives them one by one.
explode, implode — A text as the list of its code points, and the reverse.
utf8bytelength — The number of bytes in UTF-8.
format(name) — The text as @text, @json, @csv, @tsv, @html, @uri, @urid, @sh, @base64 or @base64d do it. format("csv") is @csv.
test(regex), test(regex; flags) — Whether a regular expression matches. Flags: g all, i any case, x extended, s . matches line breaks, n no empty ones.
match(regex), match(regex; flags) — Its matches, as objects with offset, length, string and captures.
capture(regex), capture(regex; flags) — An object of the named groups.
scan(regex), scan(regex; flags) — All matches, as texts, or as lists of the groups.
sub(regex; text), sub(regex; text; flags), gsub(regex; text), gsub(regex; text; flags) — The first match, or all, replaced by a text, which may use the named groups as .name.
# Paths
path(f), paths, paths(f) — The paths of what f gives; of all parts; of those for which f is true.
getpath(path), setpath(path; value), delpaths(paths), del(f), pick(f) — Reads, sets or removes what is at paths; pick keeps only that.
recurse, recurse(f), recurse(f; condition) — The input, and everything below it.
walk(f) — f applied to every part, from the innermost on.
tostream, fromstream(f), truncate_stream(f) — A value as a stream of paths and leaves; the reverse; a stream without its outermost levels.
until(condition; f), while(condition; f), repeat(f) — f again and again: the first value for which the condition is true; all values while it is true; all values for ever, for limit.
# Times of jq
now — The seconds since 1970.
todate, todateiso8601, fromdate, fromdateiso8601 — Seconds since 1970 as a text such as 2026-07-01T12:00:00Z, and the reverse.
strftime(format), strptime(format), strflocaltime(format) — Writes and reads times by % formats; see format_time and parse_time.
gmtime, localtime, mktime — Seconds since 1970 as a list of numbers, and the reverse. The local time is that of the worker.
# Numbers
abs, fabs — The absolute value.
floor, ceil, round, rint, nearbyint, trunc — The whole number below, above or nearest, or without the decimal places.
sqrt, cbrt, pow(x; y), exp, exp2, exp10, expm1, log, log2, log10, log1p, logb — Roots, powers and logarithms.
sin, cos, tan, asin, acos, atan, atan2(y; x), sinh, cosh, tanh, asinh, acosh, atanh, hypot(x; y) — Trigonometry, in radians.
fmin(x; y), fmax(x; y), fdim(x; y), fmod(x; y), fma(x; y; z), drem(x; y), remainder(x; y), copysign(x; y), nextafter(x; y), nexttoward(x; y) — As in the mathematics of C.
ldexp(x; e), scalb(x; e), scalbln(x; e), frexp, modf, significand — Parts of floating-point numbers.
gamma, lgamma, tgamma, erf, erfc, j0, j1, jn(n; x), y0, y1, yn(n; x) — Special functions.
infinite, nan, isinfinite, isfinite, isnan, isnormal — The infinite and the undefined number, and tests for them. JSON has neither.
# The rest
builtins — The names of the functions of jq.
`

// jqFunctions are the functions of jq that programs may call, as documented.
func jqFunctions() []Function {
	var all []Function
	group := ""
	for line := range strings.Lines(strings.TrimSpace(builtinDocs)) {
		line = strings.TrimSpace(line)
		if title, ok := strings.CutPrefix(line, "# "); ok {
			group = title
			continue
		}
		calls, doc, _ := strings.Cut(line, " — ")
		for call := range strings.SplitSeq(calls, ", ") {
			name, args, some := strings.Cut(call, "(")
			if some {
				args = "(" + args
			}
			all = append(all, Function{Name: name, Args: args, Group: group, Doc: doc})
		}
	}
	return all
}
