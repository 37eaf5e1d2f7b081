package connect

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/penstock/penstock/flows"
)

// The types of connections for llm steps.

// openAIType is an API with the shape of OpenAI's Chat Completions, which many other servers have, too.
func openAIType() Type {
	return Type{
		Name: "openai", Summary: "The API of language models with the shape of OpenAI's Chat Completions, for `llm` steps.", Pinned: true,
		Fields: append([]Field{
			{Name: "key", Secret: true, Summary: "API key, sent as a bearer token; default: none, as for a server of one's own."},
			{Name: "base", Default: "https://api.openai.com/v1", Summary: "URL that `/chat/completions` continues. Its host is one of the hosts."},
			{Name: "limit_field", Kind: FieldChoice, Choices: []string{"max_tokens", "max_completion_tokens"}, Default: "max_tokens", Summary: "Member of a request with the most tokens of an answer; OpenAI's reasoning models want `max_completion_tokens`."},
		}, priceFields()...),
		open: func(_ *Resolver, s settings) (any, error) {
			api, err := modelAPI(s)
			if err != nil {
				return nil, err
			}
			api.Shape, api.LimitField = flows.ShapeOpenAI, s.Text["limit_field"]
			return modelConnection(api, "Authorization", "Bearer ", s.Text["key"])
		},
	}
}

// anthropicType is an API with the shape of Anthropic's Messages.
func anthropicType() Type {
	return Type{
		Name: "anthropic", Summary: "The API of language models with the shape of Anthropic's Messages, for `llm` steps.", Pinned: true,
		Fields: append([]Field{
			{Name: "key", Secret: true, Summary: "API key, sent as `X-Api-Key`; default: none, as for a server of one's own."},
			{Name: "base", Default: "https://api.anthropic.com/v1", Summary: "URL that `/messages` continues. Its host is one of the hosts."},
			{Name: "version", Default: "2023-06-01", Summary: "The header `anthropic-version`."},
		}, priceFields()...),
		open: func(_ *Resolver, s settings) (any, error) {
			api, err := modelAPI(s)
			if err != nil {
				return nil, err
			}
			if api.Shape, api.Version = flows.ShapeAnthropic, s.Text["version"]; !httpguts.ValidHeaderFieldValue(api.Version) {
				return nil, errors.New("version cannot be sent in a header")
			}
			return modelConnection(api, "X-Api-Key", "", s.Text["key"])
		},
	}
}

func priceFields() []Field {
	return []Field{
		{Name: "input_price", Summary: "Price of a million input tokens, such as `2.50`, in whatever currency; `max_cost` of a step needs it."},
		{Name: "output_price", Summary: "Price of a million output tokens, in the same currency."},
	}
}

// modelAPI reads what both types have.
func modelAPI(s settings) (*flows.ModelAPI, error) {
	base, err := url.Parse(s.Text["base"])
	if err != nil || base.Scheme != "https" && base.Scheme != "http" || base.Host == "" || base.User != nil || strings.ContainsAny(s.Text["base"], "?#") {
		return nil, errors.New("base is no URL such as https://api.example.org/v1, without user, query and fragment")
	}
	api := &flows.ModelAPI{Base: strings.TrimSuffix(s.Text["base"], "/")}
	if api.InputPrice, err = price(s, "input_price"); err != nil {
		return nil, err
	}
	if api.OutputPrice, err = price(s, "output_price"); err != nil {
		return nil, err
	}
	if (api.InputPrice == nil) != (api.OutputPrice == nil) {
		return nil, errors.New("input_price and output_price belong together")
	}
	return api, nil
}

// maxPrice is the largest price of a million tokens.
const maxPrice = 1e6

func price(s settings, name string) (*float64, error) {
	if s.Text[name] == "" {
		return nil, nil
	}
	p, err := strconv.ParseFloat(s.Text[name], 64)
	if err != nil || !(p >= 0 && p <= maxPrice) {
		return nil, fmt.Errorf("%s is no price such as 2.50", name)
	}
	return &p, nil
}

// modelConnection sends the key in a header; an empty key is not sent.
func modelConnection(api *flows.ModelAPI, header, scheme, key string) (*pinned, error) {
	p := decorated(func(*http.Request) {})
	if key != "" {
		if !httpguts.ValidHeaderFieldValue(key) {
			return nil, errors.New("key cannot be sent in a header")
		}
		p = decorated(func(req *http.Request) { req.Header.Set(header, scheme+key) }).sets(header)
	}
	p.model = api
	return p, nil
}
