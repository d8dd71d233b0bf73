package auth

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// As mosquitto_passwd 2.0.11 wrote them, with -H sha512 and -H sha512-pbkdf2. The last two are of the argon2 reference
// implementation's own test (password and somesalt).
const written = `# a comment

user one:$6$UfPiu16z2rvSb9uS$/v/Gl1bnLVZ0ATHtMbWByohFhQtdR2V447TVZkq/zRYGVb3U/ZQG/nqogY6iyxKknWL/t10yiK7DIqV1ffqonw==
bob:$6$u35Q6F3tidJ0yLPe$+0AhyTIE2XL391AM1hWsW0bZLyP/QK2qtlz0IWEi6pSrxF8P7lMbEd0vLrcfHZGA2ozGqKVp/DraZSBEsJe/8g==
user two:$7$101$wVF6KlK/rIsfMcb4$hsxFjGpTjx5sKn54OaTGY+vFfRjOAaLxFX2nIchmjVA1TlMyLn3RQRdmWhIVFyEGNtL3LrFk+XsQ4vKYt8D9Xw==
carol:$7$101$S+bjnjwbrPz29lSF$lhkwnoPsKHA1F962ogU2qWO2kTnIHg0hfDzN4pvq9rbvOt+3qY3Mrz7x4oOEeY6TW41HVng+MisltIoK7kS/Mw==
argon:$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4
argon2:$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc
`

func parse(t *testing.T, text string) *Passwords {
	t.Helper()
	p, err := ParsePasswords("file", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPasswords(t *testing.T) {
	if testing.Short() {
		t.Skip("nothing here runs beside anything else")
	}
	p := parse(t, written)
	for user, password := range map[string]string{
		"user one": "pässwörd: $x", "user two": "pässwörd: $x", "bob": "secret", "carol": "secret", "argon": "password", "argon2": "password",
	} {
		if !p.Check(user, []byte(password)) {
			t.Errorf("%s is not let in", user)
		}
		for _, wrong := range []string{"", password + "x", password[1:], strings.ToUpper(password)} {
			if p.Check(user, []byte(wrong)) {
				t.Errorf("%s is let in with %q", user, wrong)
			}
		}
	}
	for _, nobody := range []string{"", "dave", "bob ", "Bob", "user", "# a comment"} {
		if p.Check(nobody, []byte("secret")) || p.Check(nobody, nil) {
			t.Errorf("%q is let in", nobody)
		}
	}
}

// What mosquitto_passwd writes now, we read, whatever the name and the password.
func TestMosquittoPasswd(t *testing.T) {
	if testing.Short() {
		t.Skip("nothing here runs beside anything else")
	}
	program, err := exec.LookPath("mosquitto_passwd")
	if err != nil {
		t.Skip(err)
	}
	file := filepath.Join(t.TempDir(), "passwords")
	users := map[string]string{
		"plain": "secret", "with space": " leading and trailing ", "ümläut": "pässwörd", "dollar$": "$7$101$x$y", "+/#": "a:b:c",
		"long": strings.Repeat("x", 500), "7": "7",
	}
	for kind, flag := range map[Kind]string{PBKDF2: "sha512-pbkdf2", SHA512: "sha512"} {
		if err := os.RemoveAll(file); err != nil {
			t.Fatal(err)
		}
		args := []string{"-H", flag, "-c", "-b", file}
		for user, password := range users {
			if out, err := exec.Command(program, append(args, user, password)...).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			args = []string{"-H", flag, "-b", file}
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		p := parse(t, string(text))
		if p.Len() != len(users) {
			t.Errorf("%d users of %d", p.Len(), len(users))
		}
		for user, password := range users {
			if p.users[user] == nil || p.users[user].kind != kind || !p.Check(user, []byte(password)) || p.Check(user, []byte(password+" ")) {
				t.Errorf("%s: %q with %q", flag, user, password)
			}
		}
	}
}

// Every line that is wrong is named, with what to do.
func TestBadPasswords(t *testing.T) {
	const good = "bob:$6$u35Q6F3tidJ0yLPe$+0AhyTIE2XL391AM1hWsW0bZLyP/QK2qtlz0IWEi6pSrxF8P7lMbEd0vLrcfHZGA2ozGqKVp/DraZSBEsJe/8g=="
	sum := strings.TrimPrefix(good, "bob:$6$u35Q6F3tidJ0yLPe$")
	scram := "x:SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
	parse(t, good+"\n"+scram)
	for _, tt := range []struct{ line, want string }{
		{"nobody", "no colon"},
		{":$6$x$y", "empty user name"},
		{" :$6$x$y", "empty user name"},
		{"x\xff:$6$x$y", "not UTF-8"},
		{strings.Repeat("x", 65536) + ":$6$x$y", "65536 bytes"},
		{"x:", "no password hash"},
		{"x:secret", "not hashed"},
		{"x:$5$a$b", "unknown kind"},
		{"x:$6$a", "not the fields"},
		{"x:$6$AAAA$AAAA", "hash has 3 bytes"},
		{"x:$6$$" + sum, "salt has 0 bytes"},
		{"x:$6$AA*A$" + sum, "salt is not base64"},
		{"x:$6$AAAA$" + sum + ":more", "hash is not base64"},
		{"x:$6$AAAA$" + sum[:86] + "B=", "hash is not base64"}, // Bits behind the end.
		{"x:$7$AAAA$" + sum, "iterations \"AAAA\""},
		{"x:$7$0$AAAA$" + sum, "iterations 0"},
		{"x:$7$-1$AAAA$" + sum, "iterations -1"},
		{"x:$7$+1$AAAA$" + sum, "no number"},
		{"x:$7$99999999$AAAA$" + sum, "10000000"},
		{"x:$7$101", "not the fields"},
		{"x:$argon2id$v=16$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", "v=19"},
		{"x:$argon2id$v=19$m=256,t=2$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", "not the fields"},
		{"x:$argon2id$v=19$t=2,m=256,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", "not the fields"},
		{"x:$argon2id$v=19$m=4,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", "too little"},
		{"x:$argon2id$v=19$m=99999999,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", "not within"},
		{"x:$argon2id$v=19$m=256,t=2,p=1$AAAA$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", "salt has 3 bytes"},
		{"x:$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", "unknown kind"},
		{strings.Replace(scram, "4096", "4095", 1), "4095 iterations"},
		{scram + "AAAA", "ServerKey is not base64"},
		{strings.Replace(scram, ":wfP", "", 1), "not the fields"},
		{good, "line 2 already"},
	} {
		_, err := ParsePasswords("a/file", []byte("# first\n"+good+"\n"+tt.line+"\n"))
		if err == nil || !strings.HasPrefix(err.Error(), "a/file:3: ") || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") || len(err.Error()) > 400 {
			t.Errorf("%.60q: %v, want %q", tt.line, err, tt.want)
		}
	}
	for _, empty := range []string{"", "\n", "# only\n"} {
		if _, err := ParsePasswords("file", []byte(empty)); !errors.Is(err, errNoUser) {
			t.Errorf("%q: %v", empty, err)
		}
	}
	_, err := ParsePasswords("file", []byte(strings.Repeat("nobody\n", 1000)))
	if n := strings.Count(err.Error(), "\n"); n != maxProblems || !strings.HasSuffix(err.Error(), "and 980 more") {
		t.Errorf("%d lines: %v", n, err)
	}
}

// What SetPassword writes, Check lets in, and all else in the file stays.
func TestSetPassword(t *testing.T) {
	if testing.Short() {
		t.Skip("nothing here runs beside anything else")
	}
	file := filepath.Join(t.TempDir(), "passwords")
	for _, kind := range []Kind{SHA512, SCRAM, Argon2id, PBKDF2} {
		user := fmt.Sprint("user ", kind)
		for _, password := range []string{"first", "sécond"} {
			if err := SetPassword(file, user, []byte(password), kind); err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			p := parse(t, string(text))
			if !p.Check(user, []byte(password)) || p.Check(user, []byte("third")) || p.users[user].kind != kind {
				t.Errorf("%s with %s:\n%s", user, password, text)
			}
			if text[0] != '#' {
				text = append([]byte("# kept\n\n"), text...)
				if err := errors.Join(os.WriteFile(file, text, 0o640), os.Chmod(file, 0o640)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	text, _ := os.ReadFile(file)
	if p := parse(t, string(text)); p.Len() != 4 || !strings.HasPrefix(string(text), "# kept\n\n") || !p.Check("user 1", []byte("sécond")) {
		t.Errorf("%s", text)
	}
	if info, err := os.Stat(file); err != nil || os.PathSeparator == '/' && info.Mode().Perm() != 0o640 {
		t.Error(info.Mode(), err)
	}
	for _, tt := range []struct{ user, password, want string }{
		{"", "x", "empty user"}, {"a:b", "x", "colon"}, {"a", "", "empty password"}, {"a", "x\x00y", "zero byte"},
		{" a", "x", "spaces"}, {"#a", "x", "#"}, {"a", strings.Repeat("x", 65536), "65536"}, {"a\nb", "x", "line break"},
	} {
		if err := SetPassword(file, tt.user, []byte(tt.password), SHA512); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: %v", tt.user, err)
		}
	}
	foreign := filepath.Join(t.TempDir(), "foreign")
	if err := os.WriteFile(foreign, []byte("dear diary\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := SetPassword(foreign, "a", []byte("x"), SHA512); err == nil {
		t.Error("a file that is none of ours was written to")
	}
}

// An entry that has not changed is the same in another file; that of nobody is nobody's.
func TestProof(t *testing.T) {
	a, b := parse(t, written), parse(t, "# other\n"+strings.Replace(written, "bob:$6$u", "bob:$6$v", 1))
	for user, want := range map[string]bool{"carol": true, "argon": true, "bob": false, "nobody": false} {
		x, _ := a.Proof(user)
		y, _ := b.Proof(user)
		if x.Same(y) != want {
			t.Errorf("%s: %v", user, x.Same(y))
		}
	}
	if _, known := a.Proof("nobody"); known {
		t.Error("nobody is known")
	}
}

func FuzzPasswords(f *testing.F) {
	f.Add([]byte(written))
	f.Add([]byte("user:SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="))
	f.Add([]byte("a:$7$\n:\n#\n\r\n x : y "))
	f.Add([]byte("a:$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA"))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := ParsePasswords("file", text)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "file:") {
				t.Errorf("%v does not say where", err)
			}
			return
		}
		// What was read is written so that it is read again.
		var again strings.Builder
		for user, h := range p.users {
			fmt.Fprintf(&again, "%s:%s\n", user, h)
		}
		if p.Len() > 0 && strings.HasPrefix(again.String(), "#") {
			t.Skip()
		}
		q, err := ParsePasswords("again", []byte(again.String()))
		if err != nil {
			if strings.Contains(again.String(), "\n#") {
				t.Skip() // A name behind spaces may begin with #.
			}
			t.Fatalf("%v\n%s", err, again.String())
		}
		for user, h := range p.users {
			if strings.HasPrefix(user, "#") {
				continue
			}
			if q.users[user] == nil || !q.users[user].same(h) {
				t.Errorf("%q became another", user)
			}
		}
	})
}

// An unknown user costs what a known one with a wrong password does. That is counted in allocations: time cannot be, here.
func TestUnknownUserCosts(t *testing.T) {
	for _, line := range strings.Split(written, "\n") {
		name, _, ok := strings.Cut(line, ":$7$")
		if !ok {
			continue
		}
		p := parse(t, line)
		cost := func(user string) float64 {
			return testing.AllocsPerRun(10, func() { p.Check(user, []byte("wrong")) })
		}
		if known, unknown := cost(name), cost("nobody"); known == 0 || unknown < known {
			t.Errorf("%v allocations for %s, %v for nobody", known, name, unknown)
		}
	}
}
