//! Ways in which people write passwords down that were missed once: names of other languages, tables, lists, lines that
//! commands read, calls. Written down before any of them was tried.

use crate::given::{are_found, are_not_found};
use crate::util::scan_file;

/// Surroundings with `{}` where the password stands. A third field is the characters that cannot stand there.
#[rustfmt::skip]
pub const WAYS: &[(&str, &str, &str)] = &[
    ("pt senha env", "DB_HOST=db\nDB_SENHA={}\n", "#"),
    ("pt senha php", "<?php\n$senha = '{}';\n$con = new PDO($d, $u, $senha);\n", ""),
    ("pt senha json", "{\"usuario\": \"app\", \"senha\": \"{}\"}\n", ""),
    ("pt senhaBanco java", "private static final String SENHA_BANCO = \"{}\";\n", ""),
    ("es contrasena py", "contrasena = \"{}\"\n", ""),
    ("es contraseña py", "contraseña = \"{}\"\n", ""),
    ("es CONTRASEÑA yaml", "usuario: app\ncontraseña: {}\n", "#%@*!"),
    ("es clave", "$clave = '{}';\n", ""),
    ("fr motdepasse", "$motdepasse = '{}';\n", ""),
    ("fr mot_de_passe", "mot_de_passe = '{}'\n", ""),
    ("fr motDePasse", "String motDePasse = \"{}\";\n", ""),
    ("pl haslo", "$haslo = '{}';\n", ""),
    ("pl hasło", "hasło: {}\n", "#%@*!"),
    ("nl wachtwoord", "$wachtwoord = '{}';\n", ""),
    ("nl dbWachtwoord", "String dbWachtwoord = \"{}\";\n", ""),
    ("sv lösenord", "Lösenord: {}\n", ""),
    ("tr sifre", "string sifre = \"{}\";\n", ""),
    ("tr şifre", "şifre: \"{}\"\n", ""),
    ("ru пароль", "Логин: bob\nПароль: {}\n", ""),
    ("zh 密码", "用户名：admin\n密码：{}\n", ""),
    ("zh 密码 ascii colon", "账号: admin\n密码: {}\n", ""),
    ("zh 口令", "口令：{}\n", ""),
    ("ja パスワード", "ユーザー名：admin\nパスワード：{}\n", ""),
    ("ja パスワード=", "パスワード = {}\n", ""),
    ("ko 비밀번호", "비밀번호: {}\n", ""),
    ("no passord", "const passord = '{}';\n", ""),
    ("chpasswd heredoc", "chpasswd <<EOF\nroot:{}\nEOF\n", "$"),
    ("chpasswd heredoc 2nd", "chpasswd << END\nroot:${ROOT}\nbob:{}\nEND\n", "$"),
    ("chpasswd printf2", "printf 'bob:{}\\n' | chpasswd\n", "$"),
    ("chpasswd cloud-init", "#cloud-config\nchpasswd:\n  list: |\n    root:{}\n    bob:x\n  expire: False\n", ""),
    ("csv", "name,email,password\nann,ann@corp.net,{}\n", ""),
    ("csv mid", "id,password,email\n1,{},ann@corp.net\n", ""),
    ("csv row 3", "id,username,password,email\n1,ann,,a@corp.net\n2,eve,,e@corp.net\n3,bob,{},b@corp.net\n", ""),
    ("csv quoted", "\"id\",\"password\",\"email\"\n\"1\",\"{}\",\"ann@corp.net\"\n", ""),
    ("csv semicolon", "Name;Benutzer;Passwort\nDB;app;{}\n", ""),
    ("csv first", "password,login\n{},ann\n", ""),
    ("tsv", "user\tpassword\thost\nann\t{}\tdb1\n", ""),
    ("csv keepass", "\"Group\",\"Title\",\"Username\",\"Password\",\"URL\",\"Notes\"\n\"Root\",\"mail\",\"bob@corp.net\",\"{}\",\"https://mail.corp.net\",\"\"\n", ""),
    ("csv chrome", "name,url,username,password\ncorp.net,https://corp.net/login,bob,{}\n", ""),
    ("md table", "| Service | User | Password |\n|---|---|---|\n| db | app | {} |\n", "|"),
    ("md table code", "| Service | User | Password |\n|---------|------|----------|\n| db | app | x |\n| mq | app | `{}` |\n", "|"),
    ("expect send", "spawn ssh root@host\nexpect \"assword:\"\nsend \"{}\\r\"\n", "$[]"),
    ("expect block", "expect {\n  \"yes/no\" { send \"yes\\r\"; exp_continue }\n  \"*?assword:*\" { send \"{}\\r\" }\n}\n", "$[]"),
    ("pexpect", "child.expect(\"Password:\")\nchild.sendline(\"{}\")\n", ""),
    ("pexpect 2", "child.expect('.*assword.*')\nchild.sendline('{}')\n", ""),
    ("gradle buildConfigField", "buildConfigField(\"String\", \"API_KEY\", \"\\\"{}\\\"\")\n", ""),
    ("gradle buildConfigField groovy", "buildConfigField 'String', 'API_KEY', '\"{}\"'\n", ""),
    ("gradle resValue kts", "resValue(\"string\", \"maps_api_key\", \"{}\")\n", ""),
    ("bundle config", "---\nBUNDLE_GEMS__CORP__NET: \"bob:{}\"\n", ""),
    ("7za bat", "7za.exe x -p{} a.7z\r\n", "#&()%"),
    ("unzip -o -P", "unzip -o -P {} a.zip -d out\n", "#&()$"),
    ("zip -rP", "zip -rP {} a.zip dir\n", "#&()$"),
    ("rar -p", "rar a -hp{} a.rar dir\n", "#&()$"),
    ("unrar", "unrar x -p{} a.rar\n", "#&()$"),
    ("net use after user", "net use Z: \\\\srv\\share /user:corp\\bob {}\r\n", "#%&"),
    ("list yaml lines", "passwords:\n  - {}\n", "#%@*!"),
    ("insert row 60", "INSERT INTO users (id, name, password) VALUES\n(0, 'u0', NULL),\n(1, 'u1', NULL),\n(2, 'u2', NULL),\n(3, 'u3', NULL),\n(4, 'u4', NULL),\n(5, 'u5', NULL),\n(6, 'u6', NULL),\n(7, 'u7', NULL),\n(8, 'u8', NULL),\n(9, 'u9', NULL),\n(10, 'u10', NULL),\n(11, 'u11', NULL),\n(12, 'u12', NULL),\n(13, 'u13', NULL),\n(14, 'u14', NULL),\n(15, 'u15', NULL),\n(16, 'u16', NULL),\n(17, 'u17', NULL),\n(18, 'u18', NULL),\n(19, 'u19', NULL),\n(20, 'u20', NULL),\n(21, 'u21', NULL),\n(22, 'u22', NULL),\n(23, 'u23', NULL),\n(24, 'u24', NULL),\n(25, 'u25', NULL),\n(26, 'u26', NULL),\n(27, 'u27', NULL),\n(28, 'u28', NULL),\n(29, 'u29', NULL),\n(30, 'u30', NULL),\n(31, 'u31', NULL),\n(32, 'u32', NULL),\n(33, 'u33', NULL),\n(34, 'u34', NULL),\n(35, 'u35', NULL),\n(36, 'u36', NULL),\n(37, 'u37', NULL),\n(38, 'u38', NULL),\n(39, 'u39', NULL),\n(40, 'u40', NULL),\n(41, 'u41', NULL),\n(42, 'u42', NULL),\n(43, 'u43', NULL),\n(44, 'u44', NULL),\n(45, 'u45', NULL),\n(46, 'u46', NULL),\n(47, 'u47', NULL),\n(48, 'u48', NULL),\n(49, 'u49', NULL),\n(50, 'u50', NULL),\n(51, 'u51', NULL),\n(52, 'u52', NULL),\n(53, 'u53', NULL),\n(54, 'u54', NULL),\n(55, 'u55', NULL),\n(56, 'u56', NULL),\n(57, 'u57', NULL),\n(58, 'u58', NULL),\n(59, 'u59', NULL),\n(61, 'bob', '{}');\n", ""),
    ("Clojure or", "(def password (or (System/getenv \"DB_PASSWORD\") \"{}\"))\n", ""),
    ("Nix psk", "{ networking.wireless.networks.\"corp\".psk = \"{}\"; }\n", "$"),
    ("Pulumi config", "config:\n  aws:region: eu-west-1\n  app:dbPassword: {}\n", "#%@*!"),
    ("docker secret", "printf \"{}\" | docker secret create db_password -\n", "$%"),
    ("nginx header key", "  location / {\n    proxy_set_header X-Api-Key {};\n  }\n", "#;"),
    ("Azure var pw", "variables:\n  adminPw: {}\n", "#%@*!"),
    ("SoapUI", "<con:credentials><con:username>bob</con:username><con:password>{}</con:password></con:credentials>\n", ""),
    ("PS AsPlainText first", "New-LocalUser -Name bob -Password (ConvertTo-SecureString -AsPlainText \"{}\" -Force)\n", "$"),
    ("COBOL", "       01 WS-PASSWORD PIC X(40) VALUE '{}'.\n", ""),
    ("nmconnection", "[wifi]\nssid=corp\n\n[wifi-security]\nkey-mgmt=wpa-psk\npsk={}\n", "#"),
    ("ipsec EAP", "bob : EAP \"{}\"\n", ""),
    ("ipsec XAUTH", "bob : XAUTH \"{}\"\n", ""),
    ("openconnect", "echo \"{}\" | openconnect --user=bob --passwd-on-stdin vpn.corp.net\n", "$"),
    ("Cisco tacacs", "tacacs-server host 10.0.0.1\ntacacs-server key {}\n", "#"),
    ("Cisco isakmp", "crypto isakmp key {} address 10.0.0.9\n", "#"),
    ("Juniper psk", "    pre-shared-key ascii-text \"{}\"; ## SECRET-DATA\n", ""),
    ("snmpd rocommunity", "rocommunity {} 10.0.0.0/8\n", "#"),
    ("fetchmail plain", "poll mail.corp.net user bob password {} ssl\n", "#"),
    ("sqlplus", "sqlplus scott/{}@orcl @x.sql\n", "#&()$@/"),
    ("mail: the password for", "Hi Bob,\n\nthe password for the admin account is {}\n\nRegards\n", ""),
    ("mail: password is:", "Your new password is: {}\nPlease change it after the first login.\n", ""),
    ("note: pw:", "jenkins.corp.net\nuser: bob\npw: {}\n", "#"),
    ("comment pw", "# pw: {}\nimport os\n", "#"),
    ("elastic keystore", "echo \"{}\" | bin/elasticsearch-keystore add bootstrap.password\n", "$"),
    ("samba useradd", "(echo '{}'; echo '{}') | smbpasswd -s -a bob\n", ""),
    ("vncpasswd", "echo {} | vncpasswd -f > ~/.vnc/passwd\n", "#&()$"),
    ("ftp quote", "quote USER bob\nquote PASS {}\nbin\n", "#$"),
    ("Arduino char[]", "char pass[] = \"{}\";\n", ""),
    ("MicroPython", "wlan.connect('corp', '{}')\n", ""),
    ("set pw bat", "set PW={}\r\n", "#%&"),
    ("keytool importpass", "keytool -importkeystore -srcstorepass x -deststorepass {}\n", "#&()$"),
    ("cryptsetup", "echo -n '{}' | cryptsetup luksFormat /dev/sdb -\n", ""),
    ("encfs", "echo '{}' | encfs -S a b\n", ""),
    ("SQL sp_addlogin", "EXEC sp_addlogin 'app', '{}', 'shop'\n", ""),
    ("tuple login", "AUTH = ('bob', '{}')\n", ""),
    ("supertest auth", "request(app).get('/').auth('bob', '{}')\n", ""),
    ("fetch btoa", "headers.set('Authorization', 'Basic ' + btoa('bob:{}'));\n", ""),
    ("Python b64encode", "h = base64.b64encode(b'bob:{}').decode()\n", ""),
    ("Rust Credentials", "let creds = Credentials::new(\"bob\".to_string(), \"{}\".to_string());\n", ""),
    ("C# Credentials smtp", "smtp.Authenticate(\"bob\", \"{}\");\n", ""),
    ("Java mail auth", "transport.connect(\"smtp.corp.net\", \"bob\", \"{}\");\n", ""),
    ("Java UsernamePasswordToken", "new UsernamePasswordToken(\"bob\", \"{}\");\n", ""),
    ("Java DataSource", "ds.getConnection(\"app\", \"{}\");\n", ""),
    ("Scala case", "BasicHttpCredentials(\"bob\", \"{}\")\n", ""),
    ("Perl Net::SSH", "my $ssh = Net::SSH2->new; $ssh->auth_password('bob', '{}');\n", ""),
    ("Erlang define", "-define(DB_PASSWORD, \"{}\").\n", ""),
    ("ABAP", "DATA lv_password TYPE string VALUE '{}'.\n", ""),
    ("PL/SQL", "c_password CONSTANT VARCHAR2(40) := '{}';\n", ""),
    ("T-SQL declare", "DECLARE @Password NVARCHAR(50) = N'{}'\n", ""),
    ("Robot Framework", "*** Variables ***\n${PASSWORD}    {}\n", "#$"),
    ("Gherkin table", "      | username | password |\n      | bob      | {} |\n", "|"),
];

#[test]
fn passwords_are_found_in_ways_that_were_missed() {
    are_found(WAYS);
}

#[test]
fn what_stands_for_a_password_is_none_there_either() {
    are_not_found(WAYS);
}

/// The rows of a statement, and of a table, are read to their end.
#[test]
fn rows_far_behind_the_names_of_columns_are_read() {
    let password = crate::generic::passwords(91).remove(2).1;
    let rows: String = (0..5000).map(|row| format!("({row}, 'user{row}', NULL),\n")).collect();
    let insert = format!("INSERT INTO users (id, name, password) VALUES\n{rows}(0, 'bob', '{password}');\n");
    let rows: String = (0..5000).map(|row| format!("{row},user{row},\n")).collect();
    let table = format!("id,name,password\n{rows}0,bob,{password}\n");
    let copied = format!("SET x = 1;\n\nCOPY users (id, password) FROM stdin;\n1\t\\N\n2\t{password}\n\\.\n");
    for text in [insert, table, copied] {
        let json = scan_file("dump.sql", &text, 1);
        assert_eq!(json.findings().len(), 1, "{}", json.story);
    }
}

/// What looks like a table and is none, and columns of hashes.
#[test]
fn tables_of_other_things_hold_no_passwords() {
    let mut rng = keyscan::structure::Rng::new(5);
    let mut hex = || rng.text(b"0123456789abcdef", 40);
    let hashes = format!("name,password\nann,{}\nbob,{}\n", hex(), hex());
    let word = crate::generic::passwords(92).remove(2).1;
    for text in [
        hashes,
        format!("f(name,password)\nf(ann,{word})\n"),
        format!("let [name,password] = x\n{word},{word}\n"),
        format!("name,passport\nann,{word}\n"),
        format!("name,password\n{word}\n"),
    ] {
        assert_eq!(scan_file("a.csv", &text, 0).findings().len(), 0, "{text}");
    }
}
