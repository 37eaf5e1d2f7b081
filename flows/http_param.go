package flows

import (
	"encoding/json"
	"fmt"
	"math"
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/penstock/penstock/flows/internal/mistake"
	"github.com/penstock/penstock/third_party/gojq"
)

// listingNames are the parameters of a listing.
var listingNames = []string{"filter", "order_by", "page", "page_size"}

// operationParams compiles the declared parameters, and adds those of the path that are not declared.
func (c *compiler) operationParams(a *Args, o *Operation) {
	inPath := o.Path.Params()
	if len(a.Map("params")) > maxHTTPParams {
		c.Add(mistake.TooMany, a.places["params"], "", "params: more than %d", maxHTTPParams)
	}
	for _, e := range a.Map("params") {
		p := HTTPParam{
			Name: e.Name, In: e.String("in"), Type: "string", Format: e.String("format"), Default: e.Literal("default"),
			Explode: e.Bool("explode"), Required: e.Bool("required"), Description: e.String("description"),
		}
		if e.Has("type") {
			p.Type = e.String("type")
		}
		if p.Items = e.String("items"); p.Type == "array" && p.Items == "" {
			p.Items = "string"
		}
		c.paramPlace(e, o, &p, slices.Contains(inPath, p.Name))
		c.paramBounds(e, &p)
		o.Params = append(o.Params, p)
	}
	for _, name := range inPath {
		if o.Param(name) == nil {
			o.Params = append(o.Params, HTTPParam{Name: name, In: InPath, Type: "string", Required: true})
		}
	}
	slices.SortStableFunc(o.Params, func(a, b HTTPParam) int { return strings.Compare(a.Name, b.Name) })
}

// paramPlace checks where the parameter is.
func (c *compiler) paramPlace(e Entry, o *Operation, p *HTTPParam, inPath bool) {
	if p.In == "" {
		if p.In = InQuery; inPath {
			p.In = InPath
		}
	}
	at := e.place
	switch {
	case inPath != (p.In == InPath):
		c.Add(mistake.BadPath, at, "", "params: %s is not in the path %s, or only there", p.Name, o.Path)
	case p.In == InPath && p.Default != nil:
		c.Add(mistake.MeaninglessKey, e.places["default"], "", "params: %s is in the path and always has a value", p.Name)
	case p.In == InPath && p.Type == "array":
		c.Add(mistake.IncompatibleSettings, at, "", "params: %s is in the path and cannot be an array", p.Name)
	case p.Explode && (p.Type != "array" || p.In != InQuery):
		c.Add(mistake.MeaninglessKey, e.places["explode"], "", "params: %s: explode is for arrays in the query", p.Name)
	case p.In == InHeader && !headerForm.MatchString(p.Name):
		c.Add(mistake.BadHeader, at, "", "params: %q cannot be a header", p.Name)
	case p.In == InHeader && slices.Contains(secretHeaders, strings.ToLower(p.Name)):
		c.Add(mistake.CredentialRead, at, "", "params: %s carries a credential: no expression can read it", p.Name)
	case p.In != InHeader && !paramForm.MatchString(p.Name):
		c.Add(mistake.BadName, at, "", "params: %q cannot be a parameter: letters, digits, - and _, at most 64", p.Name)
	case p.In == InQuery && e.Has("default") && p.Required:
		c.Add(mistake.ExclusiveKeys, e.places["required"], "remove one of them", "params: %s has a default, so that it is never missing", p.Name)
	}
	p.Required = p.Required || p.In == InPath
}

// paramBounds checks that the limits of a parameter fit its type, and its default the limits.
func (c *compiler) paramBounds(e Entry, p *HTTPParam) {
	for name, allowed := range map[string]bool{"items": p.Type == "array", "format": p.Type == "string" || p.Items == "string", "min": p.Type != "boolean", "max": p.Type != "boolean"} {
		if e.Has(name) && !allowed {
			c.Add(mistake.MeaninglessKey, e.places[name], "", "params: %s of type %s takes no %s", p.Name, p.Type, name)
		}
	}
	p.Min, p.Max = c.bound(e, "min"), c.bound(e, "max")
	if p.Min != nil && p.Max != nil && *p.Min > *p.Max {
		c.Add(mistake.OutOfRange, e.places["max"], "", "params: %s: max is less than min", p.Name)
	}
	if e.Has("enum") {
		list, ok := e.Literal("enum").([]any)
		if !ok || len(list) == 0 {
			c.Add(mistake.WrongType, e.places["enum"], "", "params: %s: enum is a list of the allowed values", p.Name)
		}
		one := HTTPParam{Name: p.Name, Type: p.elementType(), Format: p.Format}
		for _, v := range list {
			value, err := one.coerce(stringify(v))
			if err != nil {
				c.Add(mistake.Of(err, mistake.BadValue), e.places["enum"], "", "params: %s: enum: %v", p.Name, err)
			}
			p.Enum = append(p.Enum, value)
		}
	}
	if p.Default == nil {
		return
	}
	var err error
	if p.Default, err = p.Value(p.Default); err != nil {
		c.Add(mistake.Of(err, mistake.BadValue), e.places["default"], "", "params: default of %v", err)
	}
}

func (c *compiler) bound(e Entry, name string) *float64 {
	if !e.Has(name) {
		return nil
	}
	number, _ := e.Literal(name).(json.Number)
	f, err := number.Float64()
	if err != nil || math.IsInf(f, 0) {
		c.Add(mistake.WrongType, e.places[name], "", "params: %s: %s is a number", e.Name, name)
		return nil
	}
	return &f
}

func (p *HTTPParam) elementType() string {
	if p.Type == "array" {
		return p.Items
	}
	return p.Type
}

// ParamError says which parameter of a request is wrong, and what is expected. Its text is for the caller.
type ParamError struct{ Param, Expected string }

func (e *ParamError) Error() string { return e.Param + ": expected " + e.Expected }

func (p *HTTPParam) wrong(expected string) error { return &ParamError{p.Name, expected} }

// Texts returns the value of a parameter from what a request has of it, which is more than one text only for an array.
// Errors are *ParamError.
func (p *HTTPParam) Texts(texts []string) (any, error) {
	if p.Type != "array" {
		if len(texts) != 1 {
			return nil, p.wrong("one value")
		}
		return p.coerce(texts[0])
	}
	elements := []any{}
	for _, text := range texts {
		if text == "" && len(texts) == 1 {
			break
		}
		if p.Explode {
			elements = append(elements, text)
			continue
		}
		for part := range strings.SplitSeq(text, ",") {
			elements = append(elements, part)
		}
	}
	return p.elements(elements)
}

// Value returns the value of a parameter from a JSON value. Errors are *ParamError.
func (p *HTTPParam) Value(v any) (any, error) {
	if p.Type != "array" {
		switch v.(type) {
		case map[string]any, []any:
			return nil, p.wrong(p.expected())
		}
		return p.coerce(stringify(v))
	}
	list, ok := v.([]any)
	if !ok {
		return p.Texts([]string{stringify(v)})
	}
	return p.elements(list)
}

// maxParamElements is the maximum number of elements of an array.
const maxParamElements = 1000

func (p *HTTPParam) elements(list []any) (any, error) {
	if n := float64(len(list)); p.Min != nil && n < *p.Min || p.Max != nil && n > *p.Max || len(list) > maxParamElements {
		return nil, p.wrong(p.expected())
	}
	one := HTTPParam{Name: p.Name, Type: p.Items, Format: p.Format, Enum: p.Enum}
	values := make([]any, len(list))
	for i, v := range list {
		var err error
		if values[i], err = one.Value(v); err != nil {
			return nil, p.wrong(p.expected())
		}
	}
	return values, nil
}

var (
	integerForm = regexp.MustCompile(`^-?(0|[1-9][0-9]{0,30})$`)
	numberForm  = regexp.MustCompile(`^-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?$`)
	uuidForm    = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
)

// coerce converts the text of one value to the parameter's type and checks its limits. Numbers stay exact.
func (p *HTTPParam) coerce(text string) (any, error) {
	var v any = text
	size, sized := 0.0, true
	switch p.Type {
	case "integer", "number":
		form := integerForm
		if p.Type == "number" {
			form = numberForm
		}
		if !form.MatchString(text) {
			return nil, p.wrong(p.expected())
		}
		v = json.Number(text)
		var err error
		if size, err = strconv.ParseFloat(text, 64); err != nil {
			return nil, p.wrong(p.expected())
		}
	case "boolean":
		sized = false
		switch strings.ToLower(text) {
		case "true", "1":
			v = true
		case "false", "0":
			v = false
		default:
			return nil, p.wrong(p.expected())
		}
	default:
		size = float64(utf8.RuneCountInString(text))
		if !utf8.ValidString(text) || !hasFormat(text, p.Format) {
			return nil, p.wrong(p.expected())
		}
	}
	if sized && (p.Min != nil && size < *p.Min || p.Max != nil && size > *p.Max) {
		return nil, p.wrong(p.expected())
	}
	if p.Enum != nil && !slices.ContainsFunc(p.Enum, func(e any) bool { return gojq.Compare(e, v) == 0 }) {
		return nil, p.wrong(p.expected())
	}
	return v, nil
}

func hasFormat(text, format string) bool {
	var err error
	switch format {
	case "date":
		_, err = time.Parse(time.DateOnly, text)
	case "date-time":
		_, err = time.Parse(time.RFC3339Nano, text)
	case "time":
		if _, err = time.Parse(time.TimeOnly, text); err != nil {
			_, err = time.Parse("15:04", text)
		}
	case "uuid":
		return uuidForm.MatchString(text)
	case "email":
		var address *mail.Address
		address, err = mail.ParseAddress(text)
		return err == nil && address.Address == text
	case "uri":
		var u *url.URL
		u, err = url.Parse(text)
		return err == nil && u.IsAbs()
	}
	return err == nil
}

// formats describe the formats by an example.
var formats = map[string]string{
	"date": "a date such as 2026-11-29", "date-time": "a time such as 2026-11-29T08:00:00Z", "time": "a time of day such as 08:30",
	"uuid": "a UUID", "email": "an e-mail address", "uri": "an absolute URI",
}

// expected describes the values of the parameter.
func (p *HTTPParam) expected() string {
	if p.Enum != nil {
		words := make([]string, len(p.Enum))
		for i, v := range p.Enum {
			words[i] = stringify(v)
		}
		what := "one of "
		if p.Type == "array" {
			what = "a list of "
		}
		return what + strings.Join(words, ", ")
	}
	what := map[string]string{"integer": "a whole number", "number": "a number", "boolean": "true or false", "string": "text", "array": "a list of"}[p.Type]
	unit := ""
	switch {
	case p.Type == "array":
		what += " " + map[string]string{"integer": "whole numbers", "number": "numbers", "boolean": "true or false", "string": "texts"}[p.Items] + map[bool]string{true: ", each in a parameter of its own,", false: ", separated by commas,"}[p.Explode]
		unit = " elements"
	case p.Format != "":
		what = formats[p.Format]
	}
	if p.Type == "string" {
		unit = " characters"
	}
	switch {
	case p.Min != nil && p.Max != nil:
		return fmt.Sprintf("%s %s %v to %v%s", strings.TrimSuffix(what, ","), p.relation(), *p.Min, *p.Max, unit)
	case p.Min != nil:
		return fmt.Sprintf("%s %s at least %v%s", strings.TrimSuffix(what, ","), p.relation(), *p.Min, unit)
	case p.Max != nil:
		return fmt.Sprintf("%s %s at most %v%s", strings.TrimSuffix(what, ","), p.relation(), *p.Max, unit)
	}
	return strings.TrimSuffix(what, ",")
}

func (p *HTTPParam) relation() string {
	if p.Type == "string" || p.Type == "array" {
		return "of"
	}
	return "that is"
}
