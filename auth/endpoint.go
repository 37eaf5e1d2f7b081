package auth

// Endpoint is the token endpoint of one product: its paths and the format of its responses. NewAuthority lists the
// grants of each.
type Endpoint struct {
	Name  string
	Paths []string // the first one is the documented one

	TokenType string // spelled as in the product's documentation
	Separator string // between scopes in responses
}

// The token endpoints. Read only.
var (
	SyncAccess = &Endpoint{Name: "syncaccess", Paths: []string{"/token", "/appservices/token"}, TokenType: "bearer", Separator: " "}
	Ansira     = &Endpoint{Name: "ansira", Paths: []string{"/oauth/v2/oauth-token"}, TokenType: "bearer", Separator: ","}
	Integrify  = &Endpoint{Name: "integrify", Paths: []string{"/oauth2/token"}, TokenType: "Bearer", Separator: " "}

	Endpoints = []*Endpoint{SyncAccess, Ansira, Integrify}
)

// The paths around the token endpoints.
const (
	PathIntrospect = "/oauth/introspect"
	PathRevoke     = "/oauth/revoke"
	PathMetadata   = "/.well-known/oauth-authorization-server"
)

// Metadata is the authorization server metadata (RFC 8414). TokenEndpoint is the endpoint with the grants of the
// RFCs.
type Metadata struct {
	Issuer                string   `json:"issuer"`
	TokenEndpoint         string   `json:"token_endpoint"`
	TokenAuth             []string `json:"token_endpoint_auth_methods_supported"`
	TokenSigning          []string `json:"token_endpoint_auth_signing_alg_values_supported"`
	GrantTypes            []string `json:"grant_types_supported"`
	ResponseTypes         []string `json:"response_types_supported"` // empty: there is no authorization endpoint
	AuthorizationEndpoint string   `json:"authorization_endpoint,omitempty"`
	RegistrationEndpoint  string   `json:"registration_endpoint,omitempty"`
	Challenges            []string `json:"code_challenge_methods_supported,omitempty"`
	IssuerInResponse      bool     `json:"authorization_response_iss_parameter_supported,omitempty"` // RFC 9207
	Scopes                []string `json:"scopes_supported"`
	RevocationEndpoint    string   `json:"revocation_endpoint"`
	RevocationAuth        []string `json:"revocation_endpoint_auth_methods_supported"`
	IntrospectionEndpoint string   `json:"introspection_endpoint"`
	IntrospectionAuth     []string `json:"introspection_endpoint_auth_methods_supported"`
	Documentation         string   `json:"service_documentation"`
}

// Metadata returns the authorization server metadata.
func (a *Authority) Metadata() Metadata {
	issuer, secrets := a.config.Issuer, []string{"client_secret_basic", "client_secret_post", "private_key_jwt"}
	m := Metadata{
		Issuer:                issuer,
		TokenEndpoint:         issuer + Integrify.Paths[0],
		TokenAuth:             append([]string{"none"}, secrets...),
		TokenSigning:          []string{"RS256", "ES256", "EdDSA"},
		ResponseTypes:         []string{},
		Scopes:                Strings(Scopes),
		RevocationEndpoint:    issuer + PathRevoke,
		RevocationAuth:        append([]string{"none"}, secrets...),
		IntrospectionEndpoint: issuer + PathIntrospect,
		IntrospectionAuth:     secrets,
		Documentation:         issuer + "/docs",
	}
	if a.Registers() {
		m.AuthorizationEndpoint, m.RegistrationEndpoint = a.config.Authorize, issuer+PathRegister
		m.ResponseTypes, m.Challenges, m.IssuerInResponse = []string{"code"}, []string{"S256"}, true
	}
	for _, g := range a.grants[Integrify] {
		m.GrantTypes = append(m.GrantTypes, g.Type())
	}
	return m
}
