package connect

import (
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

var (
	secretName = regexp.MustCompile(`(?i)(token|secret|passw|passphrase|api[-_]?key|apikey|access[-_]?key|private[-_]?key|credential|cookie|bearer|authorization|^auth$|[-_]auth$|(^|[-_])(key|pat|dsn|pwd|sas)$|connection[-_]?string|database[-_]?url)`)
	secretText = regexp.MustCompile(`(^|[^A-Za-z0-9])(sk-[A-Za-z0-9_-]{8,}|gh[opsur]_[A-Za-z0-9]{8,}|github_pat_[A-Za-z0-9_]{8,}|glpat-[A-Za-z0-9_-]{8,}|xox[abeprs]-[A-Za-z0-9-]{8,}|AKIA[A-Z0-9]{12,}|AIza[A-Za-z0-9_-]{20,}|hf_[A-Za-z0-9]{10,}|npm_[A-Za-z0-9]{10,}|pat[A-Za-z0-9]{14}\.[a-f0-9]{20,}|eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}|mm_key_[A-Za-z0-9]{8,}|ntn_[A-Za-z0-9]{10,}|lin_api_[A-Za-z0-9]{10,}|-----BEGIN )`)
	secretUser = regexp.MustCompile(`[a-z][a-z0-9+.-]*://[^/@\s:]*:[^/@\s]+@`)
	hexText    = regexp.MustCompile(`^[A-Za-z0-9+/_=-]{32,}$`)
)

// looksSecret says whether a value looks like a secret, by its name or by itself. A few too many do no harm: they are
// sealed and hidden.
func looksSecret(name, text string) bool {
	if secretName.MatchString(name) || secretText.MatchString(text) || secretUser.MatchString(text) {
		return true
	}
	return hexText.MatchString(text) && strings.ContainsAny(text, "0123456789") && strings.ContainsAny(strings.ToLower(text), "abcdefghijklmnopqrstuvwxyz") && !strings.Contains(text, "/")
}

// argument is one argument of a command. A secret in it is taken out.
func (b *builder) argument(words []string, i int, word string) string {
	word = b.expand(word, true)
	before := words[i-1]
	name, text, assigned := strings.Cut(word, "=")
	container := isContainer(words[0])
	switch {
	case strings.Contains(word, "${"), word == "":
		return word
	case container && (before == "-e" || before == "--env") && assigned && envName.MatchString(name) && looksSecret(name, text):
		b.value(mcpmux.ValueEnv, name, text) // docker run -e NAME takes it from its own environment
		return name
	case strings.HasPrefix(word, "-") && assigned && text != "" && looksSecret(name, text):
		return name + "=" + b.hidden(name, text)
	case strings.HasPrefix(before, "-") && i > 1 && !strings.HasPrefix(word, "-") && !strings.Contains(before, "=") && secretName.MatchString(before):
		return b.hidden(before, word)
	case strings.Contains(word, ": ") && looksSecret(strings.SplitN(word, ":", 2)[0], ""):
		header, value, _ := strings.Cut(word, ": ")
		return header + ": " + b.hidden(header, value)
	case secretText.MatchString(word) || secretUser.MatchString(word):
		return b.hidden("ARGUMENT", word)
	}
	return word
}

func (b *builder) hidden(name, text string) string {
	out, id := b.hide(name, text)
	b.warnOfCommandLine(id)
	return out
}

// warnOfCommandLine tells what comes of a secret there: McpMux puts none where every program can read it, but gives it to
// the server as an environment variable.
func (b *builder) warnOfCommandLine(id string) {
	b.warn(true, "a secret is in its command line, where other programs of this machine could read it, so McpMux does not put it there: "+
		"the server gets it as the environment variable "+id+"; change its arguments before you switch it on")
}

func isContainer(command string) bool {
	return slices.Contains([]string{"docker", "podman", "nerdctl"}, program(command))
}

// program is the name of a command without its folder.
func program(command string) string {
	name := strings.ToLower(path.Base(strings.ReplaceAll(command, `\`, "/")))
	for _, end := range []string{".exe", ".cmd", ".bat", ".com", ".ps1"} {
		name = strings.TrimSuffix(name, end)
	}
	return name
}

// What of a command or its environment can make it do something else than it seems to (docs/security.md, U11).
var (
	shells   = []string{"sh", "bash", "zsh", "dash", "ksh", "fish", "csh", "tcsh", "ash", "busybox", "cmd", "powershell", "pwsh", "wscript", "cscript", "mshta", "rundll32", "osascript"}
	starters = []string{"env", "sudo", "doas", "su", "nohup", "xargs", "timeout", "nice", "setsid", "script", "ssh", "eval", "exec", "start", "curl", "wget", "find", "awk", "expect", "chroot", "unshare", "nsenter", "stdbuf", "watch", "wsl"}
	runsCode = map[string][]string{
		"node": {"-e", "--eval", "-p", "--print", "-r", "--require", "--import", "--loader", "--experimental-loader"}, "bun": {"-e", "--eval"}, "deno": {"eval"},
		"python": {"-c"}, "python3": {"-c"}, "py": {"-c"}, "perl": {"-e", "-E"}, "ruby": {"-e"}, "php": {"-r"}, "lua": {"-e"},
		"npx": {"-c", "--call"}, "npm": {"-c", "--call"}, "pnpm": {"-c", "--shell-mode"},
	}
	loaders      = regexp.MustCompile(`(?i)^(LD_|DYLD_|NODE_OPTIONS$|NODE_PATH$|NODE_TLS_REJECT_UNAUTHORIZED$|NODE_EXTRA_CA_CERTS$|BASH_ENV$|ENV$|SHELLOPTS$|BASHOPTS$|PROMPT_COMMAND$|IFS$|PATH$|PYTHON|PERL5|PERLLIB$|RUBYOPT$|RUBYLIB$|GIT_|JAVA_TOOL_OPTIONS$|_JAVA_OPTIONS$|JDK_JAVA_OPTIONS$|CLASSPATH$|GCONV_PATH$|GLIBC_TUNABLES$|MALLOC_|EDITOR$|VISUAL$|PAGER$|BROWSER$|COMSPEC$|PATHEXT$|PSMODULEPATH$|NPM_CONFIG_|UV_(INDEX|DEFAULT_INDEX|EXTRA_INDEX|FIND_LINKS)|PIP_|DOCKER_HOST$|ELECTRON_RUN_AS_NODE$)`)
	harmlessVars = []string{"PYTHONUNBUFFERED", "PYTHONIOENCODING", "PYTHONUTF8", "PYTHONDONTWRITEBYTECODE", "GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL", "NPM_CONFIG_LOGLEVEL", "NPM_CONFIG_UPDATE_NOTIFIER"}
)

// judge warns of what is to be looked at.
func (b *builder) judge() {
	def := b.p.Definition
	if def.Transport != mcpmux.TransportStdio {
		b.judgeAddress(def.URL)
		return
	}
	name := program(def.Command)
	switch {
	case slices.Contains(shells, name):
		b.warn(true, name+" is a shell: it runs whatever its arguments say")
	case slices.Contains(starters, name):
		b.warn(true, name+" starts another program, or fetches one")
	case isContainer(def.Command):
		b.judgeContainer(def.Args)
	}
	for program, flags := range runsCode {
		if name == program || program == "python" && strings.HasPrefix(name, "python") {
			for _, arg := range def.Args {
				if flag, _, _ := strings.Cut(arg, "="); slices.Contains(flags, flag) {
					b.warn(true, name+" "+flag+" runs code that is in its arguments")
				}
			}
		}
	}
	if strings.ContainsAny(def.Command, "/\\") && !path.IsAbs(def.Command) && !strings.Contains(def.Command, ":\\") && !strings.HasPrefix(def.Command, "${") {
		b.warn(true, "its command is a path from a folder that is not known here: write the whole path")
	}
	for _, v := range b.p.Values {
		if v.Kind == mcpmux.ValueEnv || v.Kind == mcpmux.ValueInput && v.Secret {
			if loaders.MatchString(v.Name) && !slices.Contains(harmlessVars, strings.ToUpper(v.Name)) {
				b.warn(true, "the environment variable "+cut(v.Name)+" changes what its programs load or run")
			}
		}
	}
	for _, arg := range def.Args {
		if at, ok := strings.CutPrefix(arg, "http"); ok && slices.ContainsFunc(def.Args, func(a string) bool { return strings.HasPrefix(a, "mcp-remote") }) && strings.Contains(at, "://") {
			b.warn(false, "mcp-remote only carries messages to an address: McpMux can connect to the address itself, and log in there")
		}
	}
}

func (b *builder) judgeContainer(args []string) {
	for i, arg := range args {
		next := ""
		if i+1 < len(args) {
			next = args[i+1]
		}
		switch {
		case arg == "--privileged", strings.HasPrefix(arg, "--cap-add"), strings.HasPrefix(arg, "--pid=host"), strings.HasPrefix(arg, "--device"), strings.HasPrefix(arg, "--security-opt"):
			b.warn(true, "its container is given "+cut(arg)+", which lets it out of the container")
		case strings.Contains(arg, "docker.sock"):
			b.warn(true, "its container is given docker.sock, by which it can do anything on this machine")
		case (arg == "-v" || arg == "--volume") && strings.HasPrefix(next, "/:"), strings.HasPrefix(arg, "-v/:"), strings.HasPrefix(arg, "--volume=/:"):
			b.warn(true, "its container is given the whole disk")
		}
	}
}

func (b *builder) judgeAddress(at string) {
	if strings.Contains(at, "${") {
		return
	}
	u, err := url.Parse(at)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		b.warn(true, "its address is not an http or https URL")
		return
	}
	if u.Scheme == "http" && !loopback(u.Hostname()) {
		b.warn(false, "its address is not encrypted (http): everybody on the way can read what is sent, secrets too")
	}
}

func loopback(host string) bool {
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || strings.HasPrefix(host, "127.") || host == "::1"
}
