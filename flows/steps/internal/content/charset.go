package content

import (
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps/internal/failure"
	"github.com/penstock/penstock/internal/budget"
	"github.com/penstock/penstock/internal/payload"
)

// EncodeText returns a text in the charset that its content type names; UTF-8 without one.
func EncodeText(charger *budget.Charger, text []byte, contentType string) ([]byte, error) {
	_, params := payload.MediaType(contentType)
	encoded, err := payload.EncodeText(charger, text, params["charset"])
	if limit := failure.AsLimit(err); err != nil && limit == nil {
		return nil, failure.Errorf("%s: %v", contentType, err)
	}
	return encoded, failure.Limit(err)
}

// Charset reads the parameter charset, the label of a charset.
func Charset(args *flows.Args) (string, error) {
	label := args.String("charset")
	if _, err := payload.Charset(label); err != nil {
		return "", args.Errorf("charset", "%v", err)
	}
	return label, nil
}

// CharsetParam is the parameter charset of steps that read.
func CharsetParam(what string) flows.Param {
	return flows.Param{Name: "charset", Type: flows.TypeString, Default: "that of its content type, or UTF-8",
		Summary: "Charset of " + what + ", by a label of the WHATWG Encoding standard such as `windows-1252`, `iso-8859-15`, `shift_jis` or `utf-16le`. A byte order mark takes precedence."}
}
