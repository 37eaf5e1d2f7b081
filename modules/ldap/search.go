package ldap

import (
	"context"
	"encoding/base64"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
	"github.com/penstock/penstock/internal/budget"
)

// Limits of max_entries, and the number of entries of a page.
const (
	defaultEntries = 10_000
	maxEntries     = 100_000
	pageSize       = 500
)

// binaryNames are attributes, in lower case, whose values are bytes: by RFC 4523, RFC 2798 and Microsoft's [MS-ADA].
var binaryNames = []string{
	"audio", "cacertificate", "certificaterevocationlist", "jpegphoto", "msexchmailboxguid", "ntsecuritydescriptor", "objectguid", "objectsid", "photo",
	"thumbnailphoto", "usercertificate", "userpkcs12", "usersmimecertificate",
}

// search puts out an item for each entry.
type search struct {
	base, filter       *flows.Template
	scope              int
	attributes, binary []string
	most               int
}

func newSearch(a *flows.Args) (*search, error) {
	s := &search{
		base: a.Template("search"), filter: a.Template("filter"), attributes: a.Strings("attributes"), most: defaultEntries,
		scope: map[string]int{"base": ldap.ScopeBaseObject, "one": ldap.ScopeSingleLevel, "": ldap.ScopeWholeSubtree, "sub": ldap.ScopeWholeSubtree}[a.String("scope")],
	}
	for _, name := range a.Strings("binary") {
		s.binary = append(s.binary, strings.ToLower(name))
	}
	if a.Has("max_entries") {
		if s.most = a.Int("max_entries"); s.most < 1 || s.most > maxEntries {
			return nil, a.Refuse(problem.OutOfRange, "max_entries", "max_entries is from 1 to %d", maxEntries)
		}
	}
	return s, nil
}

// Effect implements operation.
func (*search) Effect() flows.Effect { return flows.Read }

func (s *search) run(ctx context.Context, in *flows.Input, c *client) ([]any, error) {
	base, err := renderName(ctx, in, "search", s.base)
	if err != nil {
		return nil, err
	}
	filter := "(objectClass=*)"
	if s.filter != nil {
		if filter, err = renderFilter(ctx, in, s.filter); err != nil {
			return nil, err
		}
	}
	items := []any{}
	err = c.use(ctx, func(on *ldap.Conn) error {
		items, err = s.pages(ctx, in.Charger(ctx), on, base, filter)
		return err
	})
	return items, err
}

// pages reads all pages of a search (RFC 2696). A server that has no pages sends one.
func (s *search) pages(ctx context.Context, charger *budget.Charger, on *ldap.Conn, base, filter string) ([]any, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // a page that is not read to its end
	items := []any{}
	paging := ldap.NewControlPaging(pageSize)
	request := ldap.NewSearchRequest(base, s.scope, ldap.NeverDerefAliases, 0, 0, false, filter, s.attributes, []ldap.Control{paging})
	for {
		page := on.SearchAsync(ctx, request, 64)
		for page.Next() {
			entry := page.Entry()
			if entry == nil { // a reference to another server
				continue
			}
			if len(items) == s.most {
				return nil, flows.Failed("there are more than %d entries; a narrower filter, or a larger max_entries, helps", s.most)
			}
			item, err := s.item(charger, entry)
			if err != nil {
				return nil, err
			}
			items = append(items, item)
		}
		if err := page.Err(); err != nil {
			return nil, err
		}
		next, _ := ldap.FindControl(page.Controls(), ldap.ControlTypePaging).(*ldap.ControlPaging)
		if next == nil || len(next.Cookie) == 0 {
			return items, nil
		}
		paging.SetCookie(next.Cookie)
	}
}

func (s *search) item(charger *budget.Charger, entry *ldap.Entry) (map[string]any, error) {
	size := budget.Object + budget.Members(2) + budget.Object + budget.Members(len(entry.Attributes)) + int64(len(entry.DN))
	for _, a := range entry.Attributes {
		size += int64(len(a.Name))
		for _, value := range a.ByteValues {
			size += budget.Cell + 2*int64(len(value))
		}
	}
	if err := charger.Charge(size); err != nil {
		return nil, &flows.Error{Code: flows.CodeLimit, Message: err.Error(), Err: err}
	}
	attributes := make(map[string]any, len(entry.Attributes))
	for _, a := range entry.Attributes {
		binary := s.isBinary(a.Name)
		values := make([]any, len(a.ByteValues))
		for i, value := range a.ByteValues {
			if values[i] = flows.TextOrBase64(value); binary {
				values[i] = base64.StdEncoding.EncodeToString(value)
			}
		}
		attributes[a.Name] = values
	}
	return map[string]any{"dn": strings.ToValidUTF8(entry.DN, "\uFFFD"), "attributes": attributes}, nil
}

// isBinary reports whether the values of an attribute are bytes. Options follow its name: userCertificate;binary.
func (s *search) isBinary(attribute string) bool {
	name, options, _ := strings.Cut(strings.ToLower(attribute), ";")
	return slices.Contains(binaryNames, name) || slices.Contains(s.binary, name) || slices.Contains(strings.Split(options, ";"), "binary")
}
