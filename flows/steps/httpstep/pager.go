package httpstep

import (
	"context"
	"net/url"
	"strconv"
	"strings"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps/internal/content"
	"github.com/penstock/penstock/flows/steps/internal/failure"
)

func (s *step) setPages(args *flows.Args) error {
	object := args.Object("paginate")
	if object == nil {
		return nil
	}
	p := &httpPages{items: object.Expr("items"), maxPages: defaultPages}
	if object.Has("max_pages") {
		if p.maxPages = object.Int("max_pages"); p.maxPages < 1 || p.maxPages > maxPagesLimit {
			return object.Errorf("max_pages", "max_pages is from 1 to %d", maxPagesLimit)
		}
		p.stops = p.maxPages < maxPagesLimit
	}
	switch {
	case object.Has("next"):
		p.pager = linkPager{}
	case object.Has("next_url"):
		p.pager = urlPager{object.Expr("next_url")}
	case object.Has("cursor"):
		pager, err := s.newCursorPager(object.Object("cursor"))
		if err != nil {
			return err
		}
		p.pager = pager
	default:
		pager, err := newCountPager(object)
		if err != nil {
			return err
		}
		p.pager = pager
	}
	s.pages = p
	return nil
}

// linkPager follows Link: <…>; rel="next".
type linkPager struct{}

func (linkPager) first(call *httpCall) *httpCall { return call }

func (linkPager) next(_ context.Context, _ *flows.Input, p *httpPage) (*httpCall, error) {
	return p.follow(nextLink(p.response.header["Link"]))
}

// urlPager computes the URL of the next page with a program.
type urlPager struct{ from *flows.Expr }

func (urlPager) first(call *httpCall) *httpCall { return call }

func (u urlPager) next(ctx context.Context, in *flows.Input, p *httpPage) (*httpCall, error) {
	v, err := u.from.First(ctx, in.With(p.response.item()))
	if err != nil || v == nil || v == false {
		return nil, err
	}
	link, ok := v.(string)
	if !ok {
		return nil, failure.Errorf("next_url gives %s, not text", content.TypeName(v))
	}
	return p.follow(link)
}

// follow resolves a link of the page; "" means the last page.
func (p *httpPage) follow(link string) (*httpCall, error) {
	if link == "" {
		return nil, nil
	}
	relative, err := url.Parse(link)
	if err != nil {
		return nil, failure.Errorf("the link to the next page, %q, is not a URL", redactURL(link))
	}
	target, err := parseTarget(p.response.url.ResolveReference(relative).String())
	if err != nil {
		return nil, err
	}
	return p.call.at(target), nil
}

// countPager counts pages or items in a query parameter. The last page is one without items, because a server may give
// fewer than it is asked for; or, if the flow says so, one with fewer items than size.
type countPager struct {
	param, sizeParam string // sizeParam "": the size is not sent
	start, size      int    // size 0: unknown
	items            bool   // it counts items
	short            bool   // a page with fewer items than size is the last
}

func newCountPager(object *flows.Args) (httpPager, error) {
	if !object.Has("items") {
		return nil, object.Errorf("items", "counting pages needs items: the last page is known by having none of them")
	}
	if page := object.Object("page"); page != nil {
		p := countPager{param: "page", sizeParam: page.String("size_param"), start: 1, size: page.Int("size")}
		if page.Has("start") {
			p.start = page.Int("start")
		}
		return p.named(page)
	}
	offset := object.Object("offset")
	limit := offset.Int("limit")
	if limit < 1 {
		return nil, offset.Errorf("limit", "limit is how many items a page has, at least 1")
	}
	if strings.Contains(object.Expr("items").String(), "select(") {
		return nil, object.Errorf("items", "the offset of the next page counts all items of a page: filter them in a later step, not with select")
	}
	p := countPager{param: "offset", sizeParam: "limit", start: offset.Int("start"), size: limit, items: true}
	if offset.Has("limit_param") {
		p.sizeParam = offset.String("limit_param")
	}
	return p.named(offset)
}

func (c countPager) named(object *flows.Args) (httpPager, error) {
	if object.Has("param") {
		c.param = object.String("param")
	}
	if c.sizeParam != "" && c.size < 1 {
		return nil, object.Errorf("size_param", "size_param needs size, at least 1")
	}
	if c.short = object.String("last") == "short"; c.short && c.size < 1 {
		return nil, object.Errorf("last", "a short page is one with fewer items than size, at least 1")
	}
	return c, nil
}

func (c countPager) first(call *httpCall) *httpCall { return c.after(call, 0) }

func (c countPager) next(_ context.Context, _ *flows.Input, p *httpPage) (*httpCall, error) {
	switch {
	case p.found == 0, c.short && p.found < c.size:
		return nil, nil
	case c.items:
		return c.after(p.call, p.before+p.found), nil
	}
	return c.after(p.call, p.call.page+1), nil
}

// after returns the call for the page after n pages, or after n items.
func (c countPager) after(call *httpCall, n int) *httpCall {
	target := withParam(call.url, c.param, strconv.Itoa(c.start+n))
	if c.sizeParam != "" {
		target = withParam(target, c.sizeParam, strconv.Itoa(c.size))
	}
	return call.at(target)
}

// withParam sets one query parameter and leaves the others unchanged.
func withParam(target *url.URL, name, value string) *url.URL {
	var kept []string
	for pair := range strings.SplitSeq(target.RawQuery, "&") {
		key, _, _ := strings.Cut(pair, "=")
		if decoded, err := url.QueryUnescape(key); pair != "" && (err != nil || decoded != name) {
			kept = append(kept, pair)
		}
	}
	changed := *target
	changed.RawQuery = strings.Join(append(kept, url.QueryEscape(name)+"="+url.QueryEscape(value)), "&")
	return &changed
}
