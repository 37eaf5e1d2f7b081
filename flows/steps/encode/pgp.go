package encode

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
	"github.com/penstock/penstock/flows/steps/internal/failure"
)

// pgp are the names of the secrets of an OpenPGP message (RFC 9580); empty: none.
type pgp struct {
	key        string // of the recipients, or ours when a message is read
	passphrase string // of the private key
	signWith   string
	verifyWith string
	armored    bool
}

func pgpFormat(args *flows.Args) (form, error) {
	p := &pgp{
		key: args.String("secret"), passphrase: args.String("passphrase"), signWith: args.String("sign_with"), verifyWith: args.String("verify_with"),
		armored: args.Has("armor") && args.Bool("armor") || !args.Has("armor") && (args.String("output") == "" || args.String("output") == "text"),
	}
	decode := args.Bool("decode")
	switch {
	case decode && args.Has("sign_with"):
		return nil, args.Refuse(problem.MeaninglessKey, "sign_with", "sign_with has no meaning when a message is read: verify_with names the key of its signer")
	case decode && args.Has("armor"):
		return nil, args.Refuse(problem.MeaninglessKey, "armor", "armor has no meaning when a message is read: both forms are")
	case decode && p.key == "" && p.verifyWith == "":
		return nil, args.Refuse(problem.RequiredKey, "pgp", "secret is missing, the private key that decrypts, or verify_with, the public key of the signer")
	case !decode && args.Has("verify_with"):
		return nil, args.Refuse(problem.MeaninglessKey, "verify_with", "verify_with has no meaning unless a message is read, with decode: true")
	case !decode && p.key == "" && p.signWith == "":
		return nil, args.Refuse(problem.RequiredKey, "pgp", "secret is missing, the public keys of the recipients, or sign_with, the private key that signs")
	case !decode && !p.armored && (args.String("output") == "" || args.String("output") == "text"):
		return nil, args.Errorf("armor", "a message without armor is no text: output: file or output: base64 writes it")
	case decode:
		return transform(args, "pgp", "", p.read)
	}
	return transform(args, "pgp", "application/pgp-encrypted", p.write)
}

// keys reads the keys in a stored secret, armored or not in base64; nil for an empty name.
func (p *pgp) keys(ctx context.Context, in *flows.Input, name string) (openpgp.EntityList, error) {
	if name == "" {
		return nil, nil
	}
	text, err := in.Secret(ctx, name)
	if err != nil {
		return nil, err
	}
	keys, err := armoredKeys(text)
	if err == nil && keys == nil {
		var binary []byte
		if binary, err = base64Codec().decode(text); err == nil {
			keys, err = openpgp.ReadKeyRing(bytes.NewReader(binary))
		}
	}
	if err != nil || len(keys) == 0 {
		return nil, failure.Errorf("the secret %q is no OpenPGP key", name)
	}
	return keys, nil
}

// armoredKeys reads the keys of all armored blocks of a text; nil without an error: there is no block.
func armoredKeys(text string) (keys openpgp.EntityList, err error) {
	from := bufio.NewReader(strings.NewReader(text))
	for {
		block, err := armor.Decode(from)
		if err == io.EOF {
			return keys, nil
		}
		if err != nil {
			return nil, err
		}
		some, err := openpgp.ReadKeyRing(block.Body)
		if err != nil {
			return nil, err
		}
		keys = append(keys, some...)
	}
}

// private reads private keys, and decrypts them with the passphrase.
func (p *pgp) private(ctx context.Context, in *flows.Input, name string) (openpgp.EntityList, error) {
	keys, err := p.keys(ctx, in, name)
	if err != nil || keys == nil {
		return nil, err
	}
	var passphrase []byte
	if p.passphrase != "" {
		if passphrase, err = secretKey(ctx, in, p.passphrase); err != nil {
			return nil, err
		}
	}
	for _, key := range keys {
		switch {
		case key.PrivateKey == nil:
			return nil, failure.Errorf("the secret %q has a public key, where a private one is needed", name)
		case key.PrivateKey.Encrypted && passphrase == nil:
			return nil, failure.Errorf("the private key in the secret %q has a passphrase: passphrase names the secret with it", name)
		}
		if !key.PrivateKey.Encrypted {
			continue
		}
		if err := key.DecryptPrivateKeys(passphrase); err != nil {
			return nil, failure.Errorf("the passphrase is not that of the private key in the secret %q", name)
		}
	}
	return keys, nil
}

func pgpConfig(ctx context.Context) *packet.Config {
	return &packet.Config{Time: func() time.Time { return flows.Now(ctx) }}
}

// write encrypts, signs or does both.
func (p *pgp) write(ctx context.Context, in *flows.Input, from io.Reader) (io.Reader, error) {
	recipients, err := p.keys(ctx, in, p.key)
	if err != nil {
		return nil, err
	}
	signers, err := p.private(ctx, in, p.signWith)
	if err != nil {
		return nil, err
	}
	var signer *openpgp.Entity
	if len(signers) > 0 {
		signer = signers[0]
	}
	config := pgpConfig(ctx)
	for _, r := range recipients {
		if _, ok := r.EncryptionKey(config.Now()); !ok {
			return nil, failure.Errorf("a key in the secret %q cannot encrypt: it has expired, was revoked or is for signatures only", p.key)
		}
	}
	if signer != nil {
		if _, ok := signer.SigningKey(config.Now()); !ok {
			return nil, failure.Errorf("the key in the secret %q cannot sign: it has expired, was revoked or is for encryption only", p.signWith)
		}
	}
	return piped(func(w io.Writer) error {
		closers := []io.Closer{}
		if p.armored {
			outer, err := armor.Encode(w, "PGP MESSAGE", nil)
			if err != nil {
				return err
			}
			w, closers = outer, append(closers, outer)
		}
		var message io.WriteCloser
		if recipients != nil {
			message, err = openpgp.Encrypt(w, recipients, signer, &openpgp.FileHints{IsBinary: true}, config)
		} else {
			message, err = openpgp.Sign(w, signer, &openpgp.FileHints{IsBinary: true}, config)
		}
		if err != nil {
			return failure.Errorf("the message cannot be made with these keys")
		}
		if _, err := io.Copy(message, from); err != nil {
			return err
		}
		err := message.Close()
		for _, c := range closers {
			err = errors.Join(err, c.Close())
		}
		return err
	}), nil
}

// read decrypts, verifies or does both. With verify_with a message counts only with a valid signature of one of these keys.
func (p *pgp) read(ctx context.Context, in *flows.Input, from io.Reader) (io.Reader, error) {
	ours, err := p.private(ctx, in, p.key)
	if err != nil {
		return nil, err
	}
	signers, err := p.keys(ctx, in, p.verifyWith)
	if err != nil {
		return nil, err
	}
	all := bufio.NewReader(from)
	from = all
	if start, _ := all.Peek(len("-----BEGIN PGP")); string(start) == "-----BEGIN PGP" { // a short message has no armor
		block, err := armor.Decode(all)
		switch {
		case err != nil:
			return nil, formOf(unexpected(err))
		case block.Type != "PGP MESSAGE":
			return nil, failure.Errorf("the text is a %.40s, which is not read: a PGP MESSAGE is", block.Type)
		}
		from = block.Body
	}
	message, err := openpgp.ReadMessage(from, append(append(openpgp.EntityList{}, ours...), signers...), nil, pgpConfig(ctx))
	var known *flows.Error
	switch {
	case errors.As(err, &known):
		return nil, known
	case errors.Is(err, pgperrors.ErrKeyIncorrect):
		return nil, failure.Errorf("the message is encrypted for another key")
	case err != nil:
		return nil, formOf(unexpected(err))
	case p.key != "" && !message.IsEncrypted:
		return nil, failure.Errorf("the message is not encrypted")
	case signers != nil && !message.IsSigned:
		return nil, failure.Errorf("the message is not signed")
	}
	return &pgpReader{message, signers, from, all}, nil
}

// pgpReader reads a message. Its end is an error unless the signature is valid, and when other bytes follow.
type pgpReader struct {
	message *openpgp.MessageDetails
	signers openpgp.EntityList // nil: no signature is needed
	packets io.Reader          // of the message
	all     io.Reader          // packets, or the text with their armor
}

// Read implements io.Reader.
func (r *pgpReader) Read(p []byte) (int, error) {
	n, err := r.message.UnverifiedBody.Read(p)
	if err != io.EOF {
		return n, formOf(err)
	}
	m := r.message
	if r.signers != nil && (m.SignatureError != nil || m.Signature == nil || m.SignedBy == nil || len(r.signers.KeysById(m.SignedBy.PublicKey.KeyId)) == 0) {
		return 0, failure.Errorf("the signature of the message is not a valid one of the key in verify_with")
	}
	for _, rest := range []io.Reader{r.packets, r.all} {
		if err := expectEnd(rest); err != nil {
			return 0, err
		}
	}
	return n, err
}

// expectEnd reads what follows a message: nothing but white space may, and the end of the armor, which the library leaves behind a
// checksum.
func expectEnd(rest io.Reader) error {
	const most = 4096
	text, err := io.ReadAll(io.LimitReader(rest, most))
	if err != nil {
		return formOf(err)
	}
	after := bytes.TrimPrefix(bytes.TrimSpace(text), []byte("-----END PGP MESSAGE-----"))
	if len(text) == most || len(bytes.TrimSpace(after)) > 0 {
		return failure.Errorf("more bytes follow the PGP message: only one is read")
	}
	return nil
}
