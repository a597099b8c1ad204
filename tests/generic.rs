//! Passwords and keys without a prefix: found in every syntax that people write them in, and placeholders not.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use keyscan::detect::Detector;
use keyscan::finding::Confidence;
use keyscan::rules::builtin;
use keyscan::structure::Rng;
use serde_json::Value;

use crate::util::{Json, Repo, github_token, mint, scan_file};

fn detector() -> &'static Detector {
    static DETECTOR: OnceLock<Detector> = OnceLock::new();
    DETECTOR.get_or_init(|| Detector::new(builtin::rules().unwrap()))
}

/// Surroundings with `{}` where the value stands. A third field is the characters that cannot stand there unescaped.
const SYNTAXES: &[(&str, &str, &str)] = &[
    ("dotenv", "APP_ENV=prod\nDB_PASSWORD={}\nDB_HOST=db.corp.net\n", "#"),
    ("dotenv, quoted", "DB_PASSWORD=\"{}\"\n", ""),
    ("dotenv, export", "export MYSQL_ROOT_PASSWORD='{}'\n", ""),
    ("shell, default", "DB_PASSWORD=\"${DB_PASSWORD:-{}}\"\n", ""),
    ("shell, spaces", "export PGPASSWORD={}\npsql -h db.corp.net\n", "#"),
    ("YAML", "database:\n  user: app\n  password: {}\n  port: 5432\n", "#%@*!"),
    ("YAML, quoted", "database:\n  password: \"{}\"\n", ""),
    ("YAML, flow", "db: { user: app, password: '{}', port: 1 }\n", ""),
    ("YAML, block", "password: |-\n  {}\nnext: 1\n", ""),
    ("YAML, list of names", "env:\n  - name: DB_PASSWORD\n    value: \"{}\"\n", ""),
    ("compose", "environment:\n  - POSTGRES_PASSWORD={}\n  - POSTGRES_DB=app\n", "#"),
    ("compose, map", "environment:\n  POSTGRES_PASSWORD: {}\n", "#%@*!"),
    ("JSON", "{\"user\": \"app\", \"password\": \"{}\", \"ssl\": true}\n", ""),
    ("JSON, lines", "{\n  \"smtp\": {\n    \"password\": \"{}\"\n  }\n}\n", ""),
    ("JSON in a string", "body = \"{\\\"user\\\":\\\"a\\\",\\\"password\\\":\\\"{}\\\"}\"\n", ""),
    ("JSON, name and value", "[{\"name\": \"DB_PASSWORD\", \"value\": \"{}\"}]\n", ""),
    ("TOML", "[db]\nuser = \"app\"\npassword = \"{}\"\n", ""),
    ("TOML, literal", "[db]\npassword = '{}'\n", ""),
    ("INI", "[client]\nuser = app\npassword = {}\n", "#"),
    ("properties", "spring.datasource.username=app\nspring.datasource.password={}\n", "#"),
    ("properties, spaces", "jdbc.password = {}\n", "#"),
    ("XML, element", "<db><user>app</user><password>{}</password></db>\n", ""),
    ("XML, attribute", "<connection user=\"app\" password=\"{}\" />\n", ""),
    ("XML, key and value", "<add key=\"DbPassword\" value=\"{}\" />\n", ""),
    ("XML, property", "<property name=\"password\" value=\"{}\"/>\n", ""),
    ("XML, entry", "<entry key=\"password\">{}</entry>\n", ""),
    ("maven settings", "<server><id>corp</id><username>ci</username><password>{}</password></server>\n", ""),
    ("plist", "<dict>\n<key>password</key>\n<string>{}</string>\n</dict>\n", ""),
    ("HCL", "resource \"x\" \"y\" {\n  username = \"app\"\n  master_password = \"{}\"\n}\n", ""),
    ("HCL, variable", "variable \"db_password\" {\n  default = \"{}\"\n}\n", ""),
    ("tfstate", "\"attributes\": {\"engine\": \"mysql\", \"master_password\": \"{}\", \"id\": \"db\"}\n", ""),
    ("Dockerfile, ENV", "FROM a\nENV DB_PASSWORD {}\n", "#"),
    ("Dockerfile, ENV =", "FROM a\nENV DB_PASSWORD={}\n", "#"),
    ("Dockerfile, ARG", "ARG DB_PASSWORD=\"{}\"\n", ""),
    ("npmrc", "//registry.corp.net/:_authToken={}\n", "#"),
    ("npmrc, password", "//registry.corp.net/:_password=\"{}\"\n", ""),
    ("pip and twine", "[pypi]\nusername = ci\npassword = {}\n", "#"),
    ("gradle", "nexusPassword={}\n", "#"),
    ("netrc", "machine git.corp.net login ci password {}\n", ""),
    ("wp-config", "define( 'DB_PASSWORD', '{}' );\n", ""),
    ("Rails", "production:\n  secret_key_base: {}\n", "#%@*!"),
    ("Django", "DATABASES = {'default': {'USER': 'app', 'PASSWORD': '{}'}}\n", ""),
    ("appsettings", "{\"ConnectionStrings\": {\"Db\": \"Server=db;User Id=app;Password={};Encrypt=true\"}}\n", ""),
    ("ODBC", "conn = \"Driver=x;Server=db.corp.net;UID=app;PWD={};\"\n", ""),
    ("libpq", "dsn = \"host=db.corp.net user=app password={} dbname=x\"\n", ""),
    ("Ansible", "- mysql_user:\n    name: app\n    password: \"{}\"\n    priv: '*.*:ALL'\n", ""),
    ("Ansible, inventory", "host1 ansible_user=root ansible_ssh_pass={} ansible_port=22\n", "#"),
    ("CI", "variables:\n  DEPLOY_PASSWORD: \"{}\"\n", ""),
    ("SQL, MySQL", "CREATE USER 'app'@'%' IDENTIFIED BY '{}';\n", ""),
    ("SQL, Oracle", "alter user sys identified by \"{}\" container=all;\n", ""),
    ("SQL, PostgreSQL", "CREATE ROLE app LOGIN PASSWORD '{}';\n", ""),
    ("header", "curl -H 'X-Api-Key: {}' https://api.corp.net/\n", ""),
    ("header, map", "headers = {'X-Auth-Token': '{}'}\n", ""),
    ("curl -u", "curl -u admin:{} https://api.corp.net/\n", "#%&()$"),
    ("option", "mysqladmin --user root --password {} status\n", "#&()"),
    ("option, =", "mysql --user=root --password={} app\n", "#&()"),
    ("URL", "url = \"ftp://app:{}@files.corp.net/x\"\n", "#%@"),
    ("query", "GET https://api.corp.net/v1?user=a&api_key={}&page=2\n", "#%&+"),
    ("Python", "password = \"{}\"\n", ""),
    ("Python, bytes", "secret_key = b'{}'\n", ""),
    ("Python, keyword", "connect(host='db', user='app', password='{}')\n", ""),
    ("Python, default", "os.environ.get('DB_PASSWORD', '{}')\n", ""),
    ("JavaScript", "const dbPassword = '{}';\n", ""),
    ("JavaScript, fallback", "const secret = process.env.JWT_SECRET || '{}';\n", ""),
    ("JavaScript, object", "mongoose.connect(uri, { user: 'app', pass: '{}' });\n", ""),
    ("JavaScript, two literals", "const apiKey = '{}' +\n  '';\n", ""),
    ("TypeScript", "private readonly apiSecret: string = '{}';\n", ""),
    ("Java", "private static final String DB_PASSWORD = \"{}\";\n", ""),
    ("Java, setter", "ds.setPassword(\"{}\");\n", ""),
    ("Java, map", "props.put(\"password\", \"{}\");\n", ""),
    ("Java, chars", "char[] password = \"{}\".toCharArray();\n", ""),
    ("Kotlin", "val storePassword: String = \"{}\"\n", ""),
    ("C#", "var clientSecret = @\"{}\";\n", ""),
    ("C#, dictionary", "{ \"ClientSecret\", \"{}\" },\n", ""),
    ("Go", "dbPassword := \"{}\"\n", ""),
    ("Go, typed", "const apiToken string = \"{}\"\n", ""),
    ("Go, bytes", "var jwtSecret = []byte(\"{}\")\n", ""),
    ("Go, field", "Config{User: \"app\", Password: \"{}\"}\n", ""),
    ("Rust", "const DB_PASSWORD: &str = \"{}\";\n", ""),
    ("Rust, owned", "let password = String::from(\"{}\");\n", ""),
    ("Ruby", "config.password = '{}'\n", ""),
    ("Ruby, symbols", ":user => 'app', :password => '{}'\n", ""),
    ("Ruby, keyword", "Mysql2::Client.new(username: 'app', password: '{}')\n", ""),
    ("PHP", "$db_password = '{}';\n", ""),
    ("PHP, array", "'mysql' => ['user' => 'app', 'password' => '{}'],\n", ""),
    ("PHP, index", "$config['db']['password'] = '{}';\n", ""),
    ("Perl", "my $password = '{}';\n", ""),
    ("Swift", "let apiKey = \"{}\"\n", ""),
    ("Objective-C", "NSString *apiKey = @\"{}\";\n", ""),
    ("C", "static const char *password = \"{}\";\n", ""),
    ("C, macro", "#define WIFI_PASSWORD \"{}\"\n", ""),
    ("C++, braces", "std::string password{\"{}\"};\n", ""),
    ("Scala", "val password = \"{}\"\n", ""),
    ("Elixir", "config :app, Repo, password: \"{}\"\n", ""),
    ("Lua", "local db = { user = \"app\", password = \"{}\" }\n", ""),
    ("PowerShell", "$Password = '{}'\n", ""),
    ("PowerShell, secure", "$Password = ConvertTo-SecureString \"{}\" -AsPlainText -Force\n", ""),
    ("comparison", "if (password == \"{}\") { login(); }\n", ""),
    ("comment", "# password: {}\n", "#"),
    ("Markdown", "Log in as `admin` with the password: `{}`\n", ""),
    ("entities", "<pre>password: &quot;{}&quot;</pre>\n", "&"),
];

/// The usual kinds of random passwords and keys.
pub fn passwords(seed: u64) -> Vec<(&'static str, String)> {
    let mut rng = Rng::new(seed);
    const LOWER: &[u8] = b"abcdefghijklmnopqrstuvwxyz";
    const ALNUM: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    const FULL: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#%@*^-_+.";
    let begin = |rng: &mut Rng| rng.text(LOWER, 1);
    vec![
        ("12 letters and digits", begin(&mut rng) + &rng.text(ALNUM, 11)),
        ("16 of all kinds", begin(&mut rng) + &rng.text(FULL, 15)),
        ("20 letters and digits", begin(&mut rng) + &rng.text(ALNUM, 19)),
        ("32 hex digits", rng.text(b"0123456789abcdef", 32)),
        ("40 letters and digits", begin(&mut rng) + &rng.text(ALNUM, 39)),
        ("8 letters and digits", begin(&mut rng) + &rng.text(ALNUM, 6) + &rng.text(b"0123456789", 1)),
        ("16 small letters", rng.text(LOWER, 16)),
        ("64 hex digits", rng.text(b"0123456789abcdef", 64)),
        ("44 of base64", rng.text(ALNUM, 43) + "="),
    ]
}

/// Does a finding at default confidence stand at the value?
pub fn is_found(text: &str, value: &str) -> bool {
    let at = text.find(value).unwrap();
    let inside = |span: &std::ops::Range<usize>| span.start < at + value.len() && at < span.end;
    let hidden = |span: &std::ops::Range<usize>| span.start <= at && at + value.len() <= span.end;
    detector().scan(text.as_bytes()).iter().any(|m| {
        m.confidence >= Confidence::Medium
            && inside(&m.span)
            && (hidden(&m.span) || m.span.len() * 10 >= value.len() * 8)
    })
}

#[test]
fn random_passwords_are_found_in_every_syntax() {
    let (mut all, mut missed) = (0, BTreeMap::<String, usize>::new());
    for (name, syntax, not) in SYNTAXES {
        for seed in 0..6 {
            for (kind, password) in passwords(seed * 1000 + name.len() as u64) {
                let password: String = password.chars().map(|c| if not.contains(c) { 'x' } else { c }).collect();
                all += 1;
                if !is_found(&syntax.replacen("{}", &password, 1).replace("\\{", "{"), &password) {
                    *missed.entry(format!("{name}: {kind}")).or_default() += 1;
                }
            }
        }
    }
    let lost: usize = missed.values().sum();
    println!("{lost} of {all} passwords are missed: {missed:#?}");
    assert!(lost * 20 <= all, "{lost} of {all} passwords are missed: {missed:#?}");
    // No syntax and no kind is lost as a whole.
    let most = all / SYNTAXES.len() / 2;
    for (name, ..) in SYNTAXES {
        let of: usize = missed.iter().filter(|(k, _)| k.starts_with(&format!("{name}: "))).map(|(_, n)| n).sum();
        assert!(of < most, "{name}: {of} of {} are missed", most * 2);
    }
    for (kind, _) in passwords(0) {
        let of: usize = missed.iter().filter(|(k, _)| k.ends_with(&format!(": {kind}"))).map(|(_, n)| n).sum();
        println!("{kind}: {of} of {} are missed", SYNTAXES.len() * 6);
        assert!(of * 5 < SYNTAXES.len() * 6, "{kind}: {of} of {} are missed", SYNTAXES.len() * 6);
    }
}

/// What people write where a secret would stand.
const PLACEHOLDERS: &[&str] = &[
    "changeme",
    "password",
    "your-api-key",
    "your_password_here",
    "example",
    "xxxxxxxxxxxx",
    "************",
    "<password>",
    "${DB_PASSWORD}",
    "{{ password }}",
    "$DB_PASSWORD",
    "%(password)s",
    "secret",
    "mypassword",
    "test1234",
    "1234567890",
    "REPLACE_ME",
    "insert-token-here",
    "null",
    "12345678",
    "abcdefghijklmnop",
];

#[test]
fn placeholders_are_not_found_in_any_syntax() {
    let mut found = BTreeMap::<&str, Vec<&str>>::new();
    let mut all = 0;
    for (name, syntax, _) in SYNTAXES {
        for placeholder in PLACEHOLDERS {
            all += 1;
            let text = syntax.replacen("{}", placeholder, 1);
            let at = syntax.find("{}").unwrap();
            let matches = detector().scan(text.as_bytes());
            if matches.iter().any(|m| m.confidence >= Confidence::Medium && m.span.contains(&at)) {
                found.entry(placeholder).or_default().push(name);
            }
        }
    }
    let wrong: usize = found.values().map(Vec::len).sum();
    assert!(wrong * 100 <= all, "{wrong} of {all}: {found:#?}");
}

/// Names and values that other generic rules take for secrets.
#[test]
fn what_is_no_secret_is_not_found() {
    let mut rng = Rng::new(3);
    let hex = rng.text(b"0123456789abcdef", 40);
    let word = rng.text(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", 24);
    let texts = [
        format!("commit: {hex}\n"),
        format!("\"integrity\": \"sha512-{word}\"\n"),
        format!("cache_key: {hex}\n"),
        format!("public_key = \"{word}\"\n"),
        format!("primary_key: {word}\n"),
        format!("token_id = \"{word}\"\n"),
        format!("secret_name: \"{word}\"\n"),
        format!("password_file = \"/run/secrets/{word}\"\n"),
        format!("const token = await getToken({word});\n"),
        "password = os.environ[\"DB_PASSWORD\"]\n".into(),
        "password: params.password,\n".into(),
        "let token = self.next_token();\n".into(),
        "if (token === Token.Identifier) {\n".into(),
        "'password' => 'required|string|min:8',\n".into(),
        "\"Enter your password\" = \"Bitte gib dein Kennwort ein\";\n".into(),
        "password: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  61626364\n".into(),
        format!("password: ENC[AES256_GCM,data:{word},type:str]\n"),
        "key: value\n".into(),
        "author = \"Jane Q. Public\"\n".into(),
        "monkey = \"aB3dE5fG7hJ9kL2m\"\n".replace("aB3dE5fG7hJ9kL2m", &word),
        format!("password_hash = \"$2b$12${word}{word}\"\n"),
    ];
    for text in texts {
        let matches = detector().scan(text.as_bytes());
        let ids: Vec<_> = matches
            .iter()
            .filter(|m| m.confidence >= Confidence::Medium)
            .map(|m| &detector().rules().metas()[m.rule].id)
            .collect();
        assert!(ids.is_empty(), "{text}: {ids:?}");
    }
}

/// False alarms by their cause, each with a twin that is a secret: the cause must not hide one.
#[test]
fn what_stands_around_and_inside_tells_a_secret_from_its_likeness() {
    let mut rng = Rng::new(11);
    const HEX: &[u8] = b"0123456789abcdef";
    const ALNUM: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut sum = || rng.text(HEX, 64);
    let sums = format!("core = \"{}\"\ngoogle-auth = \"{}\"\nhttp = \"{}\"\n", sum(), sum(), sum());
    let alone = format!("host = \"db\"\ngoogle-auth = \"{}\"\nport = 5432\n", sum());
    let hex = sum();
    let word = rng.text(ALNUM, 24);
    let base64 = rng.text(ALNUM, 43) + "=";
    let pairs = [
        // Texts for people, in other languages too.
        ("'password' => 'Wachtwoord',\n".into(), format!("'password' => '{word}',\n")),
        (
            "\"client\": \"Nimi\",\n\"secret\": \"Sekretny klucz\",\n".into(),
            format!("\"client\": \"Nimi\",\n\"secret\": \"{word}\",\n"),
        ),
        ("password: \"Has\\u0142o musi zawiera\\u0107 znaki\"\n".into(), format!("password: \"{word}\"\n")),
        (
            "<string name=\"user\">Utilisateur</string>\n<string name=\"token\">%1$s partage %2$s</string>\n".into(),
            format!("<string name=\"token\">{word}</string>\n"),
        ),
        ("\"en_PW\": \"engelsk (Palau)\",\n".into(), format!("\"db_PW\": \"{word}\",\n")),
        // What other things have the look of.
        (sums, alone),
        ("{ \"keys\": [\"ctrl+f12\"] }\n".into(), format!("api_keys = [\"{word}\"]\n")),
        ("'password' => 'required|string|min:6|confirmed',\n".into(), format!("'password' => '{word}',\n")),
        ("'_password' => 'App\\Form\\Type\\PasswordType',\n".into(), format!("'_password' => '{word}',\n")),
        ("passwordDataV2 := modelV2{\n".into(), format!("passwordV2 := \"{word}\"\n")),
        (format!("\"client_token\": \"hmac-sha256:{hex}\"\n"), format!("\"client_token\": \"{hex}\"\n")),
        (format!("<password>{{{base64}}}</password>\n"), format!("<password>{base64}</password>\n")),
        (format!("\"encryptedDataKey\": \"{base64}\"\n"), format!("\"encryptionKey\": \"{base64}\"\n")),
        (format!("\"password\": \"md5$salt${hex}\"\n"), format!("\"password\": \"{hex}\"\n")),
        ("[user]\nsigningkey = 842A".to_owned() + "0F02F354309E\n", format!("signing_key = {word}\n")),
        // What is only tied to the name by chance.
        ("<div id=\"password\" role=\"x9fJ2kQv7Lm\">\n".into(), format!("<input id=\"password\" value=\"{word}\">\n")),
        ("names = ['client','secret','hmacsign256','x']\n".into(), format!("put(\"secret\", \"{word}\")\n")),
        ("password = keyring.get_password(\"app_xmpp\", user)\n".into(), format!("set_password(\"{word}\")\n")),
        ("NEW_PWD=${NEW_PWD:$pwdoffset:$pwdmaxlen}\n".into(), format!("NEW_PWD={word}\n")),
        ("sops.secrets.admin-password.owner = \"nextcloud7\";\n".into(), format!("admin-password = \"{word}\";\n")),
    ];
    for (none, secret) in pairs {
        assert!(found(&none).is_empty(), "{none}: {:?}", found(&none));
        assert!(!found(&secret).is_empty(), "{secret}: nothing");
    }
}

/// Rules with a finding at default confidence.
fn found(text: &str) -> Vec<&'static str> {
    let matches = detector().scan(text.as_bytes());
    let sure = matches.iter().filter(|m| m.confidence >= Confidence::Medium);
    sure.map(|m| detector().rules().metas()[m.rule].id.as_str()).collect()
}

/// As above, for what is encrypted, numbered, or public by its nature.
#[test]
fn ids_vectors_and_what_is_sealed_are_told_from_secrets() {
    let mut rng = Rng::new(23);
    const HEX: &[u8] = b"0123456789abcdef";
    const ALNUM: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let (iv, code) = (rng.text(ALNUM, 16), rng.text(ALNUM, 43) + "=");
    let (word, id) = (rng.text(ALNUM, 24), rng.text(ALNUM, 20));
    let scope = rng.text(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 20) + "/20260101/us-east-1/s3/aws4_request";
    let (photo, nonce) = (rng.text(HEX, 10), rng.text(HEX, 16));
    let mut hash = || rng.text(HEX, 16);
    let vectors = format!("(\"\", \"{}\"),\n(\"password\", \"{}\"),\n(\"ab\", \"{}\"),\n", hash(), hash(), hash());
    let pairs = [
        (format!("keystorePasswd={iv}||{code}\n"), format!("keystorePasswd={iv}\n")),
        ("keystorePasswd.protected=aes/gcm/256\n".into(), format!("keystorePasswd={word}\n")),
        (format!("add(\"X-Amz-Credential\", \"{scope}\")\n"), format!("add(\"X-Api-Key\", \"{word}\")\n")),
        (format!("{{\"key\": \"{id}\", \"line\": 4}}\n"), format!("aes_key = \"{id}\"\n")),
        (
            format!("<img src=\"https://img.corp.net/a?key={word}\">\n"),
            format!("<img src=\"https://img.corp.net/a?api_key={word}\">\n"),
        ),
        (format!("Verify it with the public key \"{code}\"\n"), format!("Sign it: api key = \"{code}\"\n")),
        ("'ACME_API_KEY': ['QZ7X'],\n".into(), format!("'ACME_API_KEY': ['{word}'],\n")),
        (vectors, format!("data = [(\"username\", \"bob\"), (\"password\", \"{word}\")]\n")),
        (
            format!("<photo id=\"17\" owner=\"5@N00\" secret=\"{photo}\" server=\"76\" title=\"x\" />\n"),
            format!("<client id=\"17\" owner=\"bob\" secret=\"{word}\" title=\"x\" />\n"),
        ),
        (format!("\"nonce\": \"{nonce}\"\n"), format!("\"client_secret\": \"{nonce}\"\n")),
        (format!("\"serializedToken\": \"{nonce}\"\n"), format!("\"accessToken\": \"{word}\"\n")),
        (format!("Token: \"Cgp{}\",\n", "BQUF".repeat(12)), format!("Token: \"{code}\",\n")),
        (format!("ARGON_SALT = \"\\$argon2id\\$v=19\\$m=1024\\${iv}\"\n"), format!("password = \"{iv}\"\n")),
        ("set \"userPassword=!arg2:~20!\"\n".into(), format!("set \"userPassword={word}\"\n")),
        (
            "f({message:\"Admin password:\",validate(p){if(!p||p.length<6)return\"Too short\"}})\n".into(),
            format!("f({{password:\"{word}\",validate(p){{if(!p)return\"Too short\"}}}})\n"),
        ),
    ];
    let more = [
        (format!("\"sharedKey\": \"%^%#{word}'{iv}%^%#\"\n"), format!("\"sharedKey\": \"{word}{iv}\"\n")),
        (
            format!("password = config.get(\"{}\", \"PASSWORD\")\n", "nttmcp"),
            format!("config.set(\"password\", \"{word}\")\n"),
        ),
        ("'User_Password' => 'L&ouml;senord',\n".into(), format!("'User_Password' => '{word}',\n")),
        ("PWD=\"$ethdir/go-tool\"\n".into(), format!("PWD=\"{word}\"\n")),
        (
            format!("![x](https://img.shields.io/codecov/c/a/b?token={iv}&style=flat)\n"),
            format!("![x](https://img.corp.net/c/a/b?token={iv}&style=flat)\n"),
        ),
        (
            format!("\"withdrawal_credentials\": \"{}\"\n", rng.text(HEX, 64)),
            format!("\"db_secret\": \"{}\"\n", rng.text(HEX, 64)),
        ),
        (
            format!("\"hashed_token\": \"{}\"\n", rng.text(HEX, 64)),
            format!("\"auth_token\": \"{}\"\n", rng.text(HEX, 64)),
        ),
        (format!("x:\n  - key: {id}\n    operator: In\n"), format!("x:\n  - aes_key: {id}\n")),
        (
            format!("\"https://store.corp.net/o/a.jpg?alt=media&token={photo}{photo}\"\n"),
            format!("\"https://store.corp.net/o/a.jpg?token={photo}{photo}\"\n"),
        ),
        ("EnumerateTokens(\"S-1-5-18\")\n".into(), format!("token = \"{word}\"\n")),
        (format!("serverKey = \"BL{}\"\n", rng.text(ALNUM, 85)), format!("serverKey = \"{}\"\n", rng.text(ALNUM, 43))),
        (format!("password = '$nTc1$Z{}'\n", rng.text(ALNUM, 21)), format!("password = '{word}'\n")),
        (format!("ssh_host_key_dsa_public: \"{code}\"\n"), format!("ssh_host_key_dsa: \"{code}\"\n")),
        (format!("<div data-sitekey=\"{code}\">\n"), format!("<div data-apikey=\"{code}\">\n")),
        (format!("GPGKey=mQENB{}\n", rng.text(ALNUM, 60)), format!("GPGKey={}\n", rng.text(ALNUM, 60))),
        ("<https://www.corp.net:support@mail.net>\n".into(), format!("https://bob:{word}@mail.net/\n")),
        ("r.password+=H(e[n],$)}})),host:1\n".into(), format!("r.password=\"{word}\";host=1\n")),
        ("x = ',\"newpasswd\": \"' + m.params[\"pass\"] + '\"'\n".into(), format!("x = '\"newpasswd\": \"{word}\"'\n")),
    ];
    for (none, secret) in pairs.into_iter().chain(more) {
        assert!(found(&none).is_empty(), "{none}: {:?}", found(&none));
        assert!(!found(&secret).is_empty(), "{secret}: nothing");
    }
}

/// As above: what logs, hashes, parts of programs and documents have in the place of a secret.
#[test]
fn hashes_runs_and_pieces_of_documents_are_told_from_secrets() {
    let mut rng = Rng::new(37);
    const HEX: &[u8] = b"0123456789abcdef";
    const ALNUM: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let (word, short) = (rng.text(ALNUM, 24), rng.text(ALNUM, 10));
    let (sum, other, key) = (rng.text(HEX, 40), rng.text(HEX, 40), rng.text(HEX, 64));
    let base64 = rng.text(ALNUM, 22) + "==";
    let counting: String = (0..32).map(|byte| format!("{byte:02x}")).collect();
    let print =
        sum.to_uppercase().as_bytes().chunks(4).map(|c| String::from_utf8_lossy(c).into_owned()).collect::<Vec<_>>();
    let pairs = [
        // Logs and documents.
        ("\"message\": \"[OneAuth:0011:Info:49ayh:7f2a] ready\"\n".into(), format!("OneAuth: {word}\n")),
        ("secret: |\n  apiVersion: v1\n  kind: Pod\n".into(), format!("secret: |\n  {word}\n")),
        (format!("// S: PrivateKey=RSA1024:[Blob {}]\n", "Hidden"), format!("// S: PrivateKey=RSA1024:{word}\n")),
        (format!("KEY_SECRET = {short}.......{short}\n"), format!("KEY_SECRET = {short}.{short}\n")),
        ("o.cookie_secret = \"16 bytes AES-128\"\n".into(), format!("o.cookie_secret = \"{word}\"\n")),
        ("hmac_key = \"yaddayaddahexhexhex\"\n".into(), format!("hmac_key = \"{word}\"\n")),
        (format!("password = \"wrongpass{short}\"\n"), format!("password = \"{short}\"\n")),
        // Hashes, sums and prints.
        (
            format!("new Secret(\"{sum}\", \"mtls\") {{ Type = X509CertificateThumbprint }}\n"),
            format!("new Secret(\"{sum}\", \"mtls\") {{ Type = SharedSecret }}\n"),
        ),
        (
            format!("<user name=\"rod\" password=\"{sum}\"/>\n<user name=\"eva\" password=\"{other}\"/>\n"),
            format!("<user name=\"rod\" password=\"{sum}\"/>\n<user name=\"eva\"/>\n"),
        ),
        (format!("String encodedPassword = \"{key}\";\n"), format!("String adminPassword = \"{key}\";\n")),
        (format!("password = \"{{scrypt@v5}}{key}\"\n"), format!("password = \"{{noop}}{word}\"\n")),
        (format!("PASSWORD='{}${key}'\n", &sum[..32]), format!("PASSWORD='{key}'\n")),
        (format!("gpg_key: '{}  {}'\n", print[..5].join(" "), print[5..].join(" ")), format!("gpg_key: '{word}'\n")),
        (
            format!("{{\"secretData\":\"{{\\\"value\\\":\\\"{word}\\\",\\\"salt\\\":\\\"{base64}\\\"}}\"}}\n"),
            format!("{{\"cookies\":\"{{\\\"salt\\\":\\\"{word}{base64}\\\"}}\"}}\n"),
        ),
        (format!("\"nonce\": \"{base64}\"\n"), format!("\"app_secret\": \"{base64}\"\n")),
        (format!("secretHex = \"{counting}\"\n"), format!("secretHex = \"{key}\"\n")),
        ("access_token \"aBc123DeF456Ghi789Jkl012MnO345\"\n".into(), format!("access_token \"{word}\"\n")),
        // Code.
        ("f(){RSAKey.prototype.encryptOAEP=RSAEncryptOAEP;x()}\n".into(), format!("f(){{x.RSAKey=\"{word}\";x()}}\n")),
        ("socksAuth.Password = creds[1]\n".into(), format!("socksAuth.Password = {short}\n")),
        ("\tp.JWTKey = o.JWTKey\n".into(), format!("\tp.JWTKey = \"{word}\"\n")),
        (
            "<string name=\"opt_revIvlFct_key\">revIvlFct</string>\n".into(),
            format!("<string name=\"api_key\">{word}</string>\n"),
        ),
        ("var scaleFirstPass = \"vpp_rkrga=format=nv12:afbc=1\";\n".into(), format!("var adminPass = \"{short}\";\n")),
        ("self.__pwd = 'C:\\\\'\n".into(), format!("self.__pwd = '{short}'\n")),
        ("x --password=\"$RPCPASS\" \\\n  \"$@\"\n".into(), format!("x --password=\"{short}\" \\\n  \"$@\"\n")),
        (format!("'OAuth oauth_signature=\"{word}%3D\"'\n"), format!("'OAuth oauth_token=\"{word}\"'\n")),
    ];
    let first = pairs;
    let (salt, hash) = (rng.text(HEX, 39), rng.text(HEX, 128));
    let pairs = [
        // A table of users: the hash of a password beside its salt.
        (
            format!("<users name=\"eva\" password=\"{hash}\" salt=\"{salt}\"/>\n"),
            format!("<users name=\"eva\" password=\"{hash}\" role=\"admin\"/>\n"),
        ),
        (
            format!("<column name=\"salt\" value=\"{salt}\"/>\n<column name=\"password\" value=\"{hash}\"/>\n"),
            format!("<column name=\"salt\" value=\"{salt}\"/>\n<column name=\"sum\" value=\"7\"/>\n"),
        ),
        (format!("\"passwordEncoded\": \"{key}\"\n"), format!("\"passwordDefault\": \"{key}\"\n")),
        (format!("The encrypted password: {base64}\n"), format!("The new password: {base64}\n")),
        // Names that promise something else.
        (
            "f(){owd='DockPanel$1',Pwd='DockPanel$DockLt',qwd='x'}\n".into(),
            format!("f(){{a='1',Pwd='{word}',b='x'}}\n"),
        ),
        (format!("testKeyECPubX = \"{word}{short}\"\n"), format!("testKeyECPrivX = \"{word}{short}\"\n")),
        ("passwordRevisionDate = \"4/14/83 3:56 PM\"\n".into(), format!("passwordDefault = \"{word}\"\n")),
        (format!("{{ pass: '{}', fail: 'x' }}\n", &key[..32]), format!("{{ pass: '{}', user: 'x' }}\n", &key[..32])),
        ("secret = f.get_user_secret(\"QTFMSIDLABXJQ\")\n".into(), format!("p = set_user_secret(\"{word}\")\n")),
        (format!("alg_token: [\"{}\"]\nresumptionToken={word}/100\n", "RSA"), format!("accessToken={word}\n")),
        // Values that are something else.
        ("secrets: \"JIRA-API-EMAIL,JIRA-API-TOKEN\"\n".into(), format!("secrets: \"{word}\"\n")),
        ("API_KEY_HEADER = \"X-Mifos-Api-Key\"\n".into(), format!("API_KEY_HEADER = \"{word}\"\n")),
        ("--trust-gpg-keys 4AA394086372C20A,8A03EA3B385DBAA1 -x\n".into(), format!("--trust-gpg-key {word} -x\n")),
        ("public const string Passkey = \"\\xe98c\";\n".into(), format!("const string Passkey = \"{word}\";\n")),
        ("emoji[ideograph_secret]='\\xE3\\x8A\\x99'\n".into(), format!("emoji[ideograph_secret]='{word}'\n")),
        ("app.password = L&ouml;senord:\n".into(), format!("app.password = {short}\n")),
        ("secret: 'You are on list #1'\n".into(), format!("secret: '{word}'\n")),
        ("cookie__keys: \"west.isClosed,east.isClosed\"\n".into(), format!("cookie_key: \"{word}\"\n")),
        ("ssh --private-key ~/.ssh/id_xkcdq x\n".into(), format!("ssh --private-key {word} x\n")),
        ("password: env.SEQ_MSSQL_PW || env.SEQ_PW\n".into(), format!("password: '{word}'\n")),
        ("Copy_BibTeX_key=Kopier_&BibTeX-ngler\n".into(), format!("x_key={word}\n")),
        ("users=test:$$apr1$$H6uskkkW$$IgXLP6ewTrSuBkTrqE8wj\n".into(), format!("auth=test:{word}\n")),
        (format!("\"encrypted_credential\": \"{base64}\"\n"), format!("\"auth_credential\": \"{base64}\"\n")),
        (format!("extKey: \"xpub{}\"\n", rng.text(ALNUM, 107)), format!("extKey: \"xprv{}\"\n", rng.text(ALNUM, 107))),
        ("post \"/users/:id/:secret\" => \"users#qzupdt\"\n".into(), format!("{{ :secret => \"{word}\" }}\n")),
        (format!("key='Fe26.2**{key}*x'\n"), format!("aes_key='{key}'\n")),
        ("<RegistryKey Key=\"Software\\Acme\\Edge\\Extensions\\xqzkwv\">\n".into(), format!("<X ApiKey=\"{word}\">\n")),
        (format!("pass('a={word}; b=2'); fail('a=1;')\n"), format!("pass = 'a={word}; b=2'\n")),
        ("[\"arn:aws:secretsmanager:x:1:secret:SFTQzx/*\"]\n".into(), format!("[\"secret: {word}\"]\n")),
        (
            format!("![x](https://img.corp.net/a/status?token={word} \"x\")\n"),
            format!("![x](https://img.corp.net/a?token={word} \"x\")\n"),
        ),
    ];
    let all = first.iter().chain(&pairs).flat_map(|(none, secret)| [(none, true), (secret, false)]);
    let wrong: Vec<_> = all.filter(|(text, none)| found(text).is_empty() != *none).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    // What opens a session, and literals of reStructuredText.
    assert_eq!(found(&format!("- app-auth.sid=s%3A{word}.{key}; Path=/\n")), ["generic-credential"]);
    assert_eq!(found(&format!("Consumer Secret: ``{word}``\n")), ["generic-secret"]);
}

/// Each cause of a false alarm that was seen, and a twin that is a secret.
#[test]
fn causes_of_false_alarms_have_twins_that_are_found() {
    let mut rng = Rng::new(47);
    const ALNUM: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    const CAPITALS: &[u8] = b"BCDFGHJKLMNPQRSTVWXZ";
    const HEX: &[u8] = b"0123456789abcdef";
    let (word, short) = (rng.text(ALNUM, 24), rng.text(ALNUM, 9) + "a7");
    let (sum, hash, salt) = (rng.text(HEX, 40), rng.text(HEX, 32), rng.text(HEX, 32));
    let index = "FK".to_owned() + &rng.text(b"abcdefghijklmnopqrstuvwxyz0123456789", 25);
    let licence = (0..4).map(|_| rng.text(CAPITALS, 5)).collect::<Vec<_>>().join("-");
    let row = |columns: &str, more: &str| {
        format!(
            "INSERT INTO users (name, password{columns}) VALUES\n('eva', '{hash}'{more}), ('bob', '{hash}'{more});\n"
        )
    };
    let pairs = [
        (format!("\"hashed_secret\": \"{sum}\",\n"), format!("\"client_secret\": \"{sum}\",\n")),
        (format!("  KEY `{index}` (`dept_id`),\n"), format!("The password is `{index}` (of the admin).\n")),
        ("injectionPassword = \"x' OR '1'='1\";\n".into(), format!("injectionPassword = \"{short}\";\n")),
        ("\"password\": \"%F0%9F%92%A9\",\n".into(), format!("\"password\": \"{short}%20%21\",\n")),
        (format!("String token = \"rO0ABX{word}\";\n"), format!("String token = \"rX0ABX{word}\";\n")),
        ("$secret = (new Google2FA)->generate(16);\n".into(), format!("$secret = ('{word}');\n")),
        ("e.token=r[0]:r[0]===\"x\"&&(y)\n".into(), format!("e.token=\"{word}\"&&(y)\n")),
        ("f({a:_0xb7f9[0],password:_0xb7f9[1]})\n".into(), format!("f({{a:_0xb7f9[0],password:'{short}'}})\n")),
        (format!("'website_key' => '{word}',\n"), format!("'secret_key' => '{word}',\n")),
        ("  TokenKey: 'EL-XPAY-TOEKN',\n".into(), format!("  TokenKey: '{licence}',\n")),
        ("connect(\"DBURL\", password=\"DBPW\")\n".into(), format!("connect(\"DBURL\", password=\"{short}\")\n")),
        (format!("OAUTH2_IDENTITY = \"{sum}\";\n"), format!("OAUTH2_SECRET = \"{sum}\";\n")),
        (
            format!("cookie(\"access_token\", \"eyJ{}.\")\n", &word[..16]),
            format!("cookie(\"access_token\", \"eyJ{}.{short}\")\n", &word[..16]),
        ),
        (row(", salt", &format!(", '{salt}'")), row(", mail", ", 'a@corp.net'")),
        (format!("KEY=base64:CHANGETHISKEY-{word}=\n"), format!("API_KEY=base64:{word}=\n")),
        (
            format!("path = join(os.environ[\"PWD\"], \".{word}\")\n"),
            format!("path = join(os.environ[\"DB_PWD\"], \"{word}\")\n"),
        ),
        (format!("authorization: 'Hawk mac=\"{word}=\"'\n"), format!("authorization: '{word}'\n")),
        (
            "subclasses of PKey, such as `.RSAKey` or `.DSSKey`\n".into(),
            format!("rsa_key = os.environ.get('RSA_KEY') or '{word}'\n"),
        ),
        ("{{ x | password_hash('sha512') }}\n".into(), format!("password_hash('{word}')\n")),
        (format!("schemaMemoKey: \"{short}\",\n"), format!("schemaSecretKey: \"{short}\",\n")),
    ];
    let wrong: Vec<_> = pairs
        .iter()
        .flat_map(|(none, secret)| [(none, true), (secret, false)])
        .filter(|(text, none)| found(text).is_empty() != *none)
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    // Each row of a statement is told.
    assert_eq!(found(&format!("INSERT INTO u (n, pwd) VALUES ('a', '{word}'), ('b', '{short}');\n")).len(), 2);
}

/// What people make up when letters, digits and signs are asked for.
#[test]
fn words_with_digits_and_signs_are_passwords() {
    let mut rng = Rng::new(53);
    for head in ["Dragon2024@", "Copper2024#", "Winter#77%", "Monkey#77$"] {
        let password = head.to_owned() + &rng.text(b"bcdfghjkmnpqrstvwxyz", 3);
        for line in [format!("server.login(\"bob@corp.io\", \"{password}\")\n"), format!("password = \"{password}\"\n")]
        {
            assert!(is_found(&line, &password), "{line}");
        }
    }
    for word in ["Password123!", "P@ssw0rd", "Changeme1!", "Test@1234"] {
        assert!(!is_found(&format!("password = \"{word}\"\n"), word), "{word}");
    }
}

/// Of a pair of keys the one that only names its owner is left out.
#[test]
fn words_in_the_place_of_the_password_of_a_url_are_no_leak() {
    let password = passwords(80).remove(1).1;
    for (user, word, host) in [
        ("fooId", "fooSecret", "api.corp.net"),
        ("u$er", "pa$s", "files.corp.net"),
        ("repluser", "repluser123", "127.0.0.1"),
        ("www.host.com", "support", "corp.net"),
        ("user%40name", "pass%25word", "abcd.corp.net"),
    ] {
        let url = |password: &str| format!("url = \"https://{user}:{password}@{host}/x\"\n");
        assert_eq!(found(&url(word)), Vec::<&str>::new(), "{user}:{word}@{host}");
        let twin = if user.starts_with("www.") { url(&password).replace("www.", "app-") } else { url(&password) };
        assert_eq!(found(&twin), ["generic-url-password"], "{user}:({})@{host}", password.len());
    }
}

#[test]
fn the_owner_of_a_secret_key_is_no_second_finding() {
    let mut rng = Rng::new(29);
    let owner = rng.text(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", 20);
    let secret = rng.text(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", 40);
    let text = format!("AccessKey: {owner}  SecretKey: {secret}  Region: us-east-1\n");
    assert_eq!(found(&text), ["generic-api-key"]);
    assert!(is_found(&text, &secret));
    assert!(is_found(&format!("ACCESS_KEY={owner}\n"), &owner));
}

/// Names that hold a key word by chance, in documents of random names.
#[test]
fn a_random_name_promises_nothing() {
    let mut rng = Rng::new(31);
    const ALNUM: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let wrong = (0..40)
        .filter(|_| {
            let name = rng.text(ALNUM, 5) + "Pwd" + &rng.text(ALNUM, 4);
            !found(&format!("{{\"{name}\":\"{}\"}}\n", rng.text(ALNUM, 12))).is_empty()
        })
        .count();
    assert!(wrong <= 4, "{wrong} of 40");
    assert!(!found(&format!("{{\"adminPwd\":\"{}\"}}\n", rng.text(ALNUM, 12))).is_empty());
}

/// In tests and documents a value has to look random; elsewhere a plain password is enough.
#[test]
fn tests_and_documents_need_more_evidence() {
    let weak = concat!("Orca", "le18");
    let strong = passwords(81).remove(0).1;
    let line = |password: &str| format!("user = \"app\"\npassword = \"{password}\"\n");
    let kept = |files: &[(&str, &str)], findings: usize| {
        let repo = Repo::new();
        for (path, password) in files {
            repo.write(path, line(password));
        }
        repo.commit("settings");
        let json = repo.json(i32::from(findings > 0));
        assert_eq!(json.findings().len(), findings, "{files:?}\n{}", json.story);
        // What is not shown is counted, and shown to who asks.
        assert_eq!(json.value["receipt"]["not_reported"]["low_confidence"], 1 - findings, "{}", json.story);
        assert_eq!(repo.keyscan().args(["--confidence", "low"]).json(1).findings().len(), 1);
    };
    kept(&[("src/settings.py", weak)], 1);
    kept(&[("tests/settings.py", weak)], 0);
    kept(&[("docs/setup.md", weak)], 0);
    kept(&[("tests/settings.py", &strong)], 1);
    kept(&[("docs/setup.md", &strong)], 1);
    // It counts where it is believed most, also if it stands there no longer.
    kept(&[("tests/settings.py", weak), ("src/settings.py", weak)], 1);
    let repo = Repo::new();
    repo.write("tests/settings.py", line(weak));
    repo.commit("a test");
    let said = repo.keyscan().args(["--confidence", "low", "--explain"]).run().code(1);
    said.says("stands in a test, and does not look random");
}

/// Values of one name and shape among tests are listed in part, over all files of a directory; elsewhere all of them.
#[test]
fn a_crowd_of_one_cause_is_listed_in_part_and_counted() {
    let mut rng = Rng::new(41);
    let repo = Repo::new();
    const HEX: &[u8] = b"0123456789abcdef";
    for file in 0..4 {
        let lines: String = (0..3).map(|_| format!("secret: {}\n", rng.text(HEX, 40))).collect();
        repo.write(format!("spec/vectors/{file}.yml"), &lines);
        repo.write(format!("config/{file}.yml"), lines.replace("secret: ", "secret: a"));
    }
    repo.write("spec/vectors/other.yml", format!("secret: {}\n", rng.text(b"ghijkmnpqrstuvwxyz23456789", 24)));
    repo.commit("vectors");
    let listed = |json: &Json, under: &str| {
        let of = |f: &&Value| f["occurrences"].to_string().contains(under);
        json.findings().iter().filter(of).count()
    };
    let json = repo.json(1);
    assert_eq!((listed(&json, "spec/"), listed(&json, "config/")), (5 + 1, 12), "{}", json.story);
    let told = json.value["receipt"]["skipped"].to_string();
    assert!(told.contains("7") && told.contains("named `secret`, beyond 5 alike"), "{told}");
    let all = repo.keyscan().args(["--max-per-file", "0"]).json(1);
    assert_eq!((listed(&all, "spec/"), listed(&all, "config/")), (12 + 1, 12), "{}", all.story);
}

#[test]
fn what_an_issuer_calls_malformed_is_not_reported_under_its_name() {
    let mut token = github_token(900).into_bytes();
    let last = token.len() - 1;
    token[last] = if token[last] == b'a' { b'b' } else { b'a' };
    let text = format!("github_token = \"{}\"\n", String::from_utf8(token).unwrap());
    let json = scan_file("a.env", &text, 0);
    assert_eq!(json.value["receipt"]["not_reported"]["malformed"], 1, "{}", json.story);
}

#[test]
fn a_rule_of_the_issuer_wins() {
    let token = github_token(901);
    let json = scan_file("a.env", format!("SECRET_TOKEN={token}\n"), 1);
    assert_eq!(json.findings().len(), 1, "{}", json.story);
    assert_eq!(json.finding(&token)["rule"]["id"], "github-pat-classic");
}

#[test]
fn it_can_be_switched_off_explained_and_widened() {
    let password = passwords(77).remove(0).1;
    let repo = Repo::new();
    repo.write("settings.ini", format!("[db]\nuser = app\npassword = {password}\n"));
    repo.write("doc.md", "password = \"sunshine\"\n");
    repo.commit("settings");
    let found = repo.json(1);
    // Of what can be guessed a report gives no hash, so it cannot be looked for by one.
    assert_eq!(found.findings().len(), 1, "{}", found.story);
    assert_eq!(found.findings()[0]["rule"]["id"], "generic-password");
    repo.keyscan().args(["--skip", "generic-password"]).run().code(0);
    let text = repo.keyscan().arg("--explain").run().code(1).says("the name says password").says("in all").text();
    assert!(!text.contains(&password));
    let all = repo.keyscan().args(["--confidence", "low"]).json(1);
    assert!(all.findings().len() > found.findings().len(), "{}", all.story);
}

/// A guessable secret is not the same finding under another name, and a list of guesses does not help.
#[test]
fn the_fingerprint_of_a_password_binds_its_name() {
    let password = passwords(78).remove(0).1;
    let print = |name: &str| {
        let json = scan_file("a.ini", format!("user = app\n{name} = {password}\n"), 1);
        json.findings()[0]["fingerprint"].clone()
    };
    assert_ne!(print("db_password"), print("smtp_password"));
    assert_eq!(print("db_password"), print("db_password"));
}

#[test]
fn a_password_that_was_removed_is_in_the_history() {
    let password = passwords(79).remove(1).1;
    let repo = Repo::new();
    repo.write("app.properties", format!("db.user=app\ndb.password={password}\n"));
    repo.commit("settings");
    repo.write("app.properties", "db.user=app\n");
    repo.commit("out of the file");
    let json = repo.json(1);
    assert_eq!(json.findings()[0]["in_tree"], false, "{}", json.story);
}

#[test]
fn every_rule_of_a_name_mints_what_it_finds() {
    for id in
        ["generic-password", "generic-secret", "generic-token", "generic-api-key", "generic-credential", "generic-salt"]
    {
        let mut lost = 0;
        for seed in 0..40 {
            let text = mint(id, seed);
            let matches = detector().scan(text.as_bytes());
            let index = detector().rules().index_of(id).unwrap();
            lost += usize::from(!matches.iter().any(|m| m.rule == index && m.confidence >= Confidence::Medium));
        }
        assert!(lost <= 1, "{id}: {lost} of 40");
    }
}
