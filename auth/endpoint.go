package auth

// Endpoint is one product's token endpoint: where it is and how it writes its
// answers. Which grants it takes is listed in NewAuthority.
type Endpoint struct {
	Name  string
	Paths []string // the first is the one that is published

	TokenType string // as the product's own documentation writes it
	Separator string // of scopes in answers
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

// Metadata describes the authority (RFC 8414). Of the token endpoints it names
// the one that takes the grants of the RFCs.
type Metadata struct {
	Issuer                string   `json:"issuer"`
	TokenEndpoint         string   `json:"token_endpoint"`
	TokenAuth             []string `json:"token_endpoint_auth_methods_supported"`
	GrantTypes            []string `json:"grant_types_supported"`
	ResponseTypes         []string `json:"response_types_supported"` // none: there is no authorization endpoint
	Scopes                []string `json:"scopes_supported"`
	RevocationEndpoint    string   `json:"revocation_endpoint"`
	RevocationAuth        []string `json:"revocation_endpoint_auth_methods_supported"`
	IntrospectionEndpoint string   `json:"introspection_endpoint"`
	IntrospectionAuth     []string `json:"introspection_endpoint_auth_methods_supported"`
	Documentation         string   `json:"service_documentation"`
}

// Metadata describes the authority.
func (a *Authority) Metadata() Metadata {
	issuer, secrets := a.config.Issuer, []string{"client_secret_basic", "client_secret_post"}
	m := Metadata{
		Issuer:                issuer,
		TokenEndpoint:         issuer + Integrify.Paths[0],
		TokenAuth:             append([]string{"none"}, secrets...),
		ResponseTypes:         []string{},
		Scopes:                Strings(Scopes),
		RevocationEndpoint:    issuer + PathRevoke,
		RevocationAuth:        append([]string{"none"}, secrets...),
		IntrospectionEndpoint: issuer + PathIntrospect,
		IntrospectionAuth:     secrets,
		Documentation:         issuer + "/docs",
	}
	for _, g := range a.grants[Integrify] {
		m.GrantTypes = append(m.GrantTypes, g.Type())
	}
	return m
}
