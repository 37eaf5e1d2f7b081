package sender

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/url"
	"path"
	"strings"
	"time"
)

// publicProof verifies a signature that the sender makes with a private key. The stored secret is the public key, or the
// key is in a certificate that the delivery names by its URL.
type publicProof struct {
	signed
	scheme      string // ed25519, ecdsa or rsa
	pss         bool
	certificate *template // nil: the key is the stored secret
	hosts       []string  // allowed in the URL of the certificate
}

func (p *publicProof) check(ctx context.Context, d *Delivery, secrets []string, source Keys) error {
	given, v, err := p.read(d)
	if err != nil {
		return err
	}
	keys, err := p.keys(ctx, d, secrets, source)
	if err != nil {
		return err
	}
	fits := false
	for _, target := range p.urls(d) {
		v.url = target
		for i, key := range keys {
			if i < len(secrets) {
				v.secret = secrets[i]
			}
			for _, signature := range given {
				fits = p.proves(key, v, signature) || fits
			}
		}
	}
	if !fits {
		return ErrWrong
	}
	return p.checkTime(v)
}

// keys returns one public key per secret. With a certificate all are the key of the certificate, and there is one even
// without secrets.
func (p *publicProof) keys(ctx context.Context, d *Delivery, secrets []string, source Keys) ([]crypto.PublicKey, error) {
	if p.certificate == nil {
		keys := make([]crypto.PublicKey, len(secrets))
		for i, s := range secrets {
			key, err := p.parseKey(s)
			if err != nil {
				return nil, err
			}
			keys[i] = key
		}
		return keys, nil
	}
	target := p.certificate.text(d)
	if !allowedURL(target, p.hosts) {
		return nil, flawed("hosts", ErrUnsigned, "the URL of the certificate is not of %s", strings.Join(p.hosts, " or "))
	}
	if source == nil {
		return nil, ErrKeys
	}
	text, err := source.Document(ctx, target)
	if err != nil {
		return nil, err
	}
	key, err := certificateKey(text, d.Now)
	if err != nil {
		return nil, err
	}
	keys := []crypto.PublicKey{key}
	for len(keys) < len(secrets) {
		keys = append(keys, key)
	}
	return keys, nil
}

// certificateKey returns the key of the first certificate of a PEM file. It is trusted because it was fetched from a host
// of the sender by https.
func certificateKey(text []byte, now time.Time) (crypto.PublicKey, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, flawed("certificate_url", ErrWrong, "the certificate is not PEM")
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, flawed("certificate_url", ErrWrong, "the certificate cannot be read")
	}
	if now.Before(certificate.NotBefore) || now.After(certificate.NotAfter) {
		return nil, flawed("certificate_url", ErrWrong, "the certificate is not valid now")
	}
	return certificate.PublicKey, nil
}

// parseKey reads a public key: PEM, base64 of DER, or, for Ed25519, 32 bytes in hex or base64.
func (p *publicProof) parseKey(text string) (crypto.PublicKey, error) {
	text = strings.TrimSpace(text)
	der := decode("base64", strings.Join(strings.Fields(text), ""))
	if block, _ := pem.Decode([]byte(text)); block != nil {
		der = block.Bytes
	}
	if p.scheme == schemeEd25519 {
		for _, raw := range [][]byte{decode("hex", text), der} {
			if len(raw) == ed25519.PublicKeySize {
				return ed25519.PublicKey(raw), nil
			}
		}
	}
	key, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, fmt.Errorf("%w: it is no public key", ErrSecret)
	}
	return key, nil
}

// proves reports whether the key's owner signed. A key of another kind proves nothing.
func (p *publicProof) proves(key crypto.PublicKey, v *values, signature []byte) bool {
	if p.scheme == schemeEd25519 {
		public, ok := key.(ed25519.PublicKey)
		var b strings.Builder
		p.template.write(&b, v)
		return ok && ed25519.Verify(public, []byte(b.String()), signature)
	}
	name := p.hash(v.Delivery)
	if hashes[name] == nil {
		return false
	}
	h := hashes[name]()
	p.template.write(h, v)
	digest := h.Sum(nil)
	switch public := key.(type) {
	case *ecdsa.PublicKey:
		return p.scheme == schemeECDSA && ecdsa.VerifyASN1(public, digest, signature)
	case *rsa.PublicKey:
		id := map[string]crypto.Hash{"md5": crypto.MD5, "sha1": crypto.SHA1, "sha256": crypto.SHA256, "sha384": crypto.SHA384, "sha512": crypto.SHA512}[name]
		if p.scheme != schemeRSA || public.Size() < minRSA {
			return false
		}
		if p.pss {
			return rsa.VerifyPSS(public, id, digest, signature, nil) == nil
		}
		return rsa.VerifyPKCS1v15(public, id, digest, signature) == nil
	}
	return false
}

// minRSA is the minimum size of an RSA key in bytes.
const minRSA = 128

// maxURL is the maximum length of a URL that a delivery names.
const maxURL = 512

// allowedURL reports whether a URL is https at the default port of one of the hosts, in which * is one label or a part
// of it, without user and fragment.
func allowedURL(target string, hosts []string) bool {
	if target == "" || len(target) > maxURL {
		return false
	}
	u, err := url.Parse(target)
	if err != nil || u.Scheme != "https" || u.User != nil || u.Fragment != "" || u.Host != u.Hostname() {
		return false
	}
	return allowedHost(u.Host, hosts)
}

func allowedHost(host string, hosts []string) bool {
	for _, pattern := range hosts {
		labels, wanted := strings.Split(strings.ToLower(host), "."), strings.Split(pattern, ".")
		fits := len(labels) == len(wanted)
		for i := 0; fits && i < len(labels); i++ {
			matched, err := path.Match(wanted[i], labels[i])
			fits = err == nil && matched && labels[i] != ""
		}
		if fits {
			return true
		}
	}
	return false
}
