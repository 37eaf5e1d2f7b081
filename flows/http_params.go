package flows

// httpParams are the fields of one operation of an http trigger. The first seven are its method, with the path.
var httpParams = append(methodParams(),
	Param{Name: "name", Type: TypeString, Summary: "The name of the operation, `$event.operation`; needed when two have the same method.", Default: "the method"},
	Param{Name: "summary", Type: TypeString, Summary: "What the operation does, in a few words, for the documentation of the API."},
	Param{Name: "description", Type: TypeString, Summary: "Further information for callers, in Markdown."},
	Param{Name: "deprecated", Type: TypeBool, Default: "false", Summary: "Whether callers should stop using it, for the documentation of the API."},
	Param{Name: "params", Type: TypeMap, Fields: httpParamParams, Summary: "Parameters of the path, the query and headers, which programs read as `$params.NAME`. Those of the path are texts if they are not named here."},
	Param{Name: "scopes", Type: TypeMap, Fields: scopeParams, Summary: "Scopes of your own making, all of which the caller must hold: `resource:act`, with a description. Without any, `flows:run` for the flow."},
	Param{Name: "auth", Type: TypeStrings, Default: "bearer, basic, key", Summary: "How callers may authenticate: `bearer` (access token), `basic` (a user's password), `key` (signature of an API key). `none` lets in anybody."},
	Param{Name: "schema", Type: TypeLiteral, Summary: "JSON Schema of the request's body, of POST, PUT, PATCH and DELETE; a body that violates it is refused with 422."},
	Param{Name: "body", Type: TypeEnum, Enum: bodyForms, Default: "auto", Summary: bodySummary},
	Param{Name: "max_body", Type: TypeString, Summary: maxBodySummary},
	Param{Name: "output_schema", Type: TypeLiteral, Summary: "JSON Schema of one output item, in place of the flow's."},
	Param{Name: "response", Type: TypeEnum, Enum: []string{ResponseItems, ResponseOne, ResponsePage, ResponseBody}, Default: ResponseItems, Summary: "The body of the answer: the array of the items; the only item, 404 when there is none; a page as the API's own listings have it, with `listing`; or what a `respond` step says."},
	Param{Name: "listing", Type: TypeObject, Fields: listingParams, Summary: "The operation takes `filter`, `order_by`, `page` and `page_size`. Programs read them as `$listing`; if none does, they are applied to the output."},
	Param{Name: "cache", Type: TypeDuration, Summary: "How old an answer to GET may be when the same caller repeats a request: until then there is no further run. 1s to 24h."},
)

// httpMethods are the fields with the method of an operation, in the order of the documentation.
var httpMethods = []string{"get", "head", "post", "put", "patch", "delete", "options"}

func methodParams() []Param {
	all := make([]Param, len(httpMethods))
	for i, method := range httpMethods {
		all[i] = Param{Name: method, Type: TypeString, OneOf: "operation", Hint: "write {name} for a part that varies", Summary: httpMethodSummaries[method]}
	}
	return all
}

var httpMethodSummaries = map[string]string{
	"get":     "The path, as in `/people/{id}`: requests with GET run the flow, and with HEAD.",
	"head":    "The path for HEAD alone.",
	"post":    "The path for POST.",
	"put":     "The path for PUT.",
	"patch":   "The path for PATCH.",
	"delete":  "The path for DELETE.",
	"options": "The path for OPTIONS, which is otherwise answered with the methods that there are.",
}

var httpParamParams = []Param{
	{Name: "type", Type: TypeEnum, Inline: true, Enum: []string{"string", "integer", "number", "boolean", "array"}, Default: "string", Summary: "Its type. An array is written with commas, or by repeating the parameter."},
	{Name: "explode", Type: TypeBool, Default: "false", Summary: "Whether an array in the query is written only by repeating the parameter, so that its elements may have commas."},
	{Name: "in", Type: TypeEnum, Enum: []string{InPath, InQuery, InHeader}, Summary: "Where it is: in the path if the path has it, else in the query."},
	{Name: "items", Type: TypeEnum, Enum: []string{"string", "integer", "number", "boolean"}, Default: "string", Summary: "The type of the elements of an array."},
	{Name: "format", Type: TypeEnum, Enum: []string{"date", "date-time", "time", "uuid", "email", "uri"}, Summary: "The form of a text."},
	{Name: "enum", Type: TypeLiteral, Summary: "The list of the values that are allowed."},
	{Name: "min", Type: TypeLiteral, Summary: "The least value of a number, or the least length of a text or array."},
	{Name: "max", Type: TypeLiteral, Summary: "The greatest value, or length."},
	{Name: "default", Type: TypeLiteral, Summary: "Its value when a request does not have it; without one it is null."},
	{Name: "required", Type: TypeBool, Default: "false", Summary: "Whether a request without it is refused. One of the path always is."},
	{Name: "description", Type: TypeString, Summary: "What it means, for the documentation of the API."},
}

var scopeParams = []Param{
	{Name: "description", Type: TypeString, Inline: true, Summary: "What the scope allows, for who grants it."},
}

var listingParams = []Param{
	{Name: "filter", Type: TypeMap, Fields: listingFieldParams, Summary: "The fields of items that `filter` may compare."},
	{Name: "order_by", Type: TypeMap, Fields: listingFieldParams[:1], Summary: "The fields that `order_by` may name."},
	{Name: "default_order", Type: TypeString, Summary: "The order of a request without `order_by`, as in `-created,name`; without one, that in which the flow returns the items."},
	{Name: "max_order", Type: TypeInt, Default: "8", Summary: "How many fields `order_by` may name, 1 to 8."},
	{Name: "page_size", Type: TypeInt, Default: "200", Summary: "The largest page that a caller may ask for, 1 to 1000. Who does not ask gets 50, or this if it is smaller."},
	{Name: "total", Type: TypeString, Summary: "When programs read `$listing`: the member of each item that holds the number of all matches. It is removed from the items."},
}

var listingFieldParams = []Param{
	{Name: "type", Type: TypeEnum, Inline: true, Enum: listingTypes, Default: "that of the output schema, else string", Summary: "The type of the field."},
	{Name: "operators", Type: TypeStrings, Default: "all that its type has", Summary: "Operators that `filter` may use with it: eq, ne, lt, le, gt, ge, in, contains."},
}

// listingTypes are the types of fields by which items are filtered and ordered.
var listingTypes = []string{"string", "integer", "number", "boolean", "date", "date-time"}
