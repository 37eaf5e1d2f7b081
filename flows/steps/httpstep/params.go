package httpstep

import (
	"strings"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps/internal/content"
)

// httpMethods are the parameters that set method and URL at once.
func httpMethods() []string {
	return []string{"get", "post", "put", "patch", "delete", "head", "options"}
}

func httpParams() []flows.Param {
	var params []flows.Param
	for _, method := range httpMethods() {
		params = append(params, flows.Param{
			Name: method, Type: flows.TypeTemplate, OneOf: "url", Summary: "URL to " + strings.ToUpper(method) + ".",
		})
	}
	params = append(params,
		flows.Param{Name: "url", Type: flows.TypeTemplate, OneOf: "url", Summary: "URL, beside `method`."},
		flows.Param{Name: "method", Type: flows.TypeString, Default: "GET", Summary: "Method of `url`, such as PROPFIND or QUERY."},
	)
	params = append(params, httpRequestParams()...)
	return append(params, httpResponseParams()...)
}

func httpRequestParams() []flows.Param {
	return []flows.Param{
		{Name: "query", Type: flows.TypeFields, Computed: true, Secrets: true, Summary: "Query parameters, escaped and added to the URL; a list repeats the name, null leaves it out."},
		{Name: "headers", Type: flows.TypeFields, Computed: true, Secrets: true, Summary: "Request headers; null leaves one out."},
		{Name: "idempotency_header", Type: flows.TypeString, Default: "Idempotency-Key", Summary: "Header that takes the idempotency key, such as PayPal-Request-Id, where the API names another."},
		{Name: "json", Type: flows.TypeTemplate, Secrets: true, Summary: "Body as JSON, numbers exact."},
		{Name: "form", Type: flows.TypeFields, Computed: true, Secrets: true, Summary: "Body as an HTML form (`application/x-www-form-urlencoded`)."},
		{Name: "multipart", Type: flows.TypeList, Computed: true, Secrets: true, Fields: multipartParams(), Summary: "Body as a form with files (`multipart/form-data`)."},
		{Name: "raw", Type: flows.TypeTemplate, Secrets: true, Summary: "Body as text, in the charset that its content type names: `text/csv; charset=windows-1252`. A character that the charset does not have is a failure."},
		{Name: "base64", Type: flows.TypeTemplate, Summary: "Body as the bytes that this base64 text stands for, such as the body of a step with `parse: bytes`."},
		{Name: "file", Type: flows.TypeTemplate, Summary: "Body as the bytes of a file of the run, such as one of the event. They are streamed, and its content type is the usual one."},
		{Name: "content_type", Type: flows.TypeTemplate, Summary: "Content type of the body, if not the usual one."},
		ConnectionParam(),
		ProxyParam(),
		{Name: "tls", Type: flows.TypeObject, Fields: []flows.Param{
			{Name: "ca", Type: flows.TypeString, Required: true, Summary: "PEM certificates of the authorities to trust instead of the system's."},
		}, Summary: "Trust in an API with its own certificate authority. A client certificate belongs in a connection."},
	}
}

func multipartParams() []flows.Param {
	return []flows.Param{
		{Name: "name", Type: flows.TypeTemplate, Required: true, Summary: "Name of the form field."},
		{Name: "value", Type: flows.TypeTemplate, OneOf: "content", Summary: "Content: text, or JSON for lists and objects."},
		{Name: "base64", Type: flows.TypeTemplate, OneOf: "content", Summary: "Content as the bytes that this base64 text stands for."},
		{Name: "file", Type: flows.TypeTemplate, OneOf: "content", Summary: "Content as the bytes of a file of the run. Its name and content type are those of the part, if they are not given."},
		{Name: "filename", Type: flows.TypeTemplate, Summary: "Makes the part a file of this name."},
		{Name: "content_type", Type: flows.TypeTemplate, Summary: "Content type of the part."},
	}
}

func httpResponseParams() []flows.Param {
	return []flows.Param{
		{Name: "expect", Type: flows.TypeStatuses, Default: "2xx", Summary: "Statuses that are not failures."},
		{Name: "parse", Type: flows.TypeEnum, Enum: []string{"auto", "json", "text", "bytes", "xml", "csv", "ndjson", parseFile}, Default: "auto", Summary: "What the body becomes; `auto` goes by its content type, `bytes` is base64, and `file` stores it as a file of the run, which later steps take by reference."},
		content.CharsetParam("the response"),
		{Name: "csv", Type: flows.TypeObject, Fields: content.CSVParams(), Summary: "How CSV is read, which `parse: csv` or the content type says."},
		{Name: "max_response", Type: flows.TypeString, Default: "10MB", Summary: "Largest body, decompressed; a larger one is a failure. At most 100MB. With `parse: file` 100MB, and at most 1GB."},
		{Name: "cookies", Type: flows.TypeEnum, Enum: []string{"keep"}, Default: "they are not sent back", Summary: "`keep`: the cookies that responses set go with further requests of the step for the item, by their domains and paths: pages, redirects and new attempts at a page."},
		{Name: "follow_redirects", Type: flows.TypeInt, Default: "5 for GET and HEAD, else 0", Summary: "How many redirects are followed, at most 20."},
		{Name: "paginate", Type: flows.TypeObject, Fields: paginateParams(), Summary: "Fetches page after page; the output is the items of all pages."},
	}
}

func paginateParams() []flows.Param {
	return []flows.Param{
		{Name: "next", Type: flows.TypeEnum, Enum: []string{"link"}, OneOf: "next", Summary: "`link`: follow the `Link` header's `rel=\"next\"` (RFC 8288)."},
		{Name: "next_url", Type: flows.TypeExpr, OneOf: "next", Summary: "Program over the response that gives the next page's URL; null ends."},
		{Name: "cursor", Type: flows.TypeObject, OneOf: "next", Summary: "A value of the response becomes a part of the next request.", Fields: []flows.Param{
			{Name: "from", Type: flows.TypeExpr, Required: true, Summary: "Program over the response that gives the cursor; null ends."},
			{Name: "param", Type: flows.TypeString, OneOf: "place", Summary: "Query parameter that takes it."},
			{Name: "body", Type: flows.TypeExpr, OneOf: "place", Summary: "Member of the JSON body that takes it, such as `.variables.after`. The first request has the body as the flow gives it."},
			{Name: "header", Type: flows.TypeString, OneOf: "place", Summary: "Request header that takes it."},
		}},
		{Name: "page", Type: flows.TypeObject, OneOf: "next", Summary: "Counts pages, up to one without items.", Fields: []flows.Param{
			{Name: "param", Type: flows.TypeString, Default: "page", Summary: "Query parameter of the number."},
			{Name: "start", Type: flows.TypeInt, Default: "1", Summary: "Number of the first page."},
			{Name: "size", Type: flows.TypeInt, Summary: "Items of a full page."},
			{Name: "size_param", Type: flows.TypeString, Summary: "Query parameter that takes `size`; left out, it is not sent."},
			{Name: "last", Type: flows.TypeEnum, Enum: []string{"empty", "short"}, Default: "empty", Summary: "Which page is the last: an empty one, because a server may give fewer items than it is asked for, or one with fewer than `size`."},
		}},
		{Name: "offset", Type: flows.TypeObject, OneOf: "next", Summary: "Counts items, up to a page without any.", Fields: []flows.Param{
			{Name: "limit", Type: flows.TypeInt, Required: true, Summary: "Items of a full page."},
			{Name: "param", Type: flows.TypeString, Default: "offset", Summary: "Query parameter of the offset."},
			{Name: "limit_param", Type: flows.TypeString, Default: "limit", Summary: "Query parameter of the limit."},
			{Name: "start", Type: flows.TypeInt, Default: "0", Summary: "Offset of the first item."},
			{Name: "last", Type: flows.TypeEnum, Enum: []string{"empty", "short"}, Default: "empty", Summary: "Which page is the last: an empty one, because a server may give fewer items than it is asked for, or one with fewer than `limit`."},
		}},
		{Name: "items", Type: flows.TypeExpr, Summary: "Program over the response; each result is an item. It gives all items of the page: filter them in a later step. Default: each response is an item."},
		{Name: "max_pages", Type: flows.TypeInt, Default: "100, and a further page is a failure", Summary: "Stops after this many pages. 10,000 is the most, and does not stop: a further page is a failure."},
	}
}
