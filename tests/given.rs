//! Passwords without a name: found where calls, commands and settings take them, and what stands in their place not.

use std::collections::BTreeMap;

use crate::generic::{is_found, passwords};

/// Surroundings with `{}` where the password stands. A third field is the characters that cannot stand there.
const PLACES: &[(&str, &str, &str)] = &[
    ("requests", "requests.get(url, auth=(\"admin\", \"{}\"))\n", ""),
    ("requests, class", "s.auth = HTTPBasicAuth('admin', '{}')\n", ""),
    ("smtplib", "server.login(\"robot@corp.net\", \"{}\")\n", ""),
    ("Go, request", "req.SetBasicAuth(\"admin\", \"{}\")\n", ""),
    ("Go, mail", "a := smtp.PlainAuth(\"\", \"robot@corp.net\", \"{}\", \"smtp.corp.net\")\n", ""),
    ("Go, data source", "db, err := sql.Open(\"mysql\", \"root:{}@tcp(db:3306)/app\")\n", "@#%"),
    ("Rust", "client.get(url).basic_auth(\"admin\", Some(\"{}\"))\n", ""),
    ("C#", "client.Credentials = new NetworkCredential(\"admin\", \"{}\");\n", ""),
    ("Java, JDBC", "c = DriverManager.getConnection(\n    \"jdbc:mysql://db/app\", \"root\", \"{}\");\n", ""),
    ("Java, mail", "return new PasswordAuthentication(\"robot\", \"{}\".toCharArray());\n", ""),
    ("OkHttp", "String c = Credentials.basic(\"admin\", \"{}\");\n", ""),
    ("neo4j", "driver(uri, neo4j.auth.basic('neo4j', '{}'))\n", ""),
    ("PHP, mysqli", "$c = mysqli_connect('localhost', 'root', '{}', 'app');\n", ""),
    ("PHP, object", "$c = new mysqli(\"localhost\", \"root\", \"{}\", \"app\");\n", ""),
    ("PHP, PDO", "$pdo = new PDO(\"mysql:host=db;dbname=app\", $user, '{}');\n", ""),
    ("PHP, LDAP", "ldap_bind($link, 'cn=admin,dc=corp', '{}');\n", ""),
    ("Perl", "my $db = DBI->connect($source, 'root', '{}');\n", ""),
    ("Python, MySQL", "db = pymysql.connect('db', 'root', '{}', 'app')\n", ""),
    ("Node, HMAC", "crypto.createHmac('sha256', '{}').update(x)\n", ""),
    ("Node, JWT", "jwt.sign({ id: user.id, roles: [1, 2] }, '{}', { expiresIn: 60 })\n", ""),
    ("sshpass", "sshpass -p '{}' ssh root@10.0.0.5\n", ""),
    ("mysql", "mysql -uroot -p{} app < dump.sql\n", "#%@*!"),
    ("mysqldump, quoted", "mysqldump -u root -p'{}' app\n", ""),
    ("redis-cli", "redis-cli -h cache -a {} ping\n", "#"),
    ("mongodump", "mongodump -u admin -p \"{}\" --db app\n", ""),
    ("docker login", "docker login -u bob -p {} registry.corp.net\n", "#"),
    ("az login", "az login --service-principal -u $ID -p {} --tenant $T\n", "#"),
    ("ldapsearch", "ldapsearch -x -D cn=admin \\\n  -w {} -b dc=corp\n", "#"),
    ("htpasswd", "htpasswd -bc /etc/nginx/users admin {}\n", "#"),
    ("net use", "net use z: \\\\srv\\share {} /user:corp\\bob\n", "#"),
    ("smbclient", "smbclient //srv/share -U bob%{}\n", "#"),
    ("PowerShell", "$s = ConvertTo-SecureString \"{}\" -AsPlainText -Force\n", ""),
    ("pgpass", "db.corp.net:5432:app:app:{}\n", "#*"),
    ("Redis", "requirepass {}\n", "#*"),
    ("Cisco", "username admin privilege 15 password 0 {}\n", "#"),
    ("Cisco, SNMP", "snmp-server community {} RW\n", "#"),
    ("wpa_supplicant", "network={\n  ssid=\"corp\"\n  psk=\"{}\"\n}\n", ""),
    ("IPsec", "%any : PSK \"{}\"\n", ""),
    ("INSERT", "INSERT INTO users (id, name, password) VALUES\n  (1, 'ann', '{}');\n", ""),
    ("Erlang", "{password, \"{}\"},\n", ""),
    ("YAML, anchor", "password: &db {}\n", "#%@*!"),
    ("XML, attribute beside", "<password encrypted=\"false\">{}</password>\n", ""),
    ("prose, code", "Sign in as admin, password `{}`.\n", ""),
    ("scheme", "curl -H \"Authorization: Token {}\" https://api.corp.net\n", ""),
    ("gradle field", "buildConfigField(\"String\", \"API_KEY\", \"\\\"{}\\\"\")\n", ""),
];

/// Ways in which people write a password that stands apart from its name, or as a default, or in a list, or without a name;
/// written down before any of them was tried.
#[rustfmt::skip]
const WAYS: &[(&str, &str, &str)] = &[
    ("Node, or", "const pool = new Pool({ user: 'app', password: process.env.DB_PASS || '{}' });\n", ""),
    ("Node, nullish", "const dbPassword = process.env.DB_PASSWORD ?? \"{}\";\n", ""),
    ("Node, ternary", "const dbPassword = process.env.DB_PASSWORD ? process.env.DB_PASSWORD : '{}';\n", ""),
    ("Node, destructured default", "const { DB_PASSWORD = '{}', DB_HOST = 'db' } = process.env;\n", ""),
    ("Node, get(x, default)", "const pw = config.get('db.password', '{}');\n", ""),
    ("Python, environ.get", "DB_PASSWORD = os.environ.get(\"DB_PASSWORD\", \"{}\")\n", ""),
    ("Python, getenv", "conn = connect(user='app', passwd=os.getenv(\"PGPASSWORD\", \"{}\"))\n", ""),
    ("Python, getenv of another name", "PASSWORD = os.getenv(\"APP_DB\", \"{}\")\n", ""),
    ("Python, or", "smtp_pass = os.environ.get('SMTP_PASS') or '{}'\n", ""),
    ("Python, decouple", "EMAIL_HOST_PASSWORD = config('EMAIL_HOST_PASSWORD', default='{}')\n", ""),
    ("Python, environs", "'PASSWORD': env.str(\"DB_PASSWORD\", default=\"{}\"),\n", ""),
    ("Python, setdefault", "os.environ.setdefault(\"PGPASSWORD\", \"{}\")\n", ""),
    ("Python, environ[]", "os.environ[\"PGPASSWORD\"] = \"{}\"\n", ""),
    ("Python, pydantic field", "    db_password: str = Field(default=\"{}\", env=\"DB_PASSWORD\")\n", ""),
    ("Python, pydantic secret", "    smtp_password: SecretStr = SecretStr(\"{}\")\n", ""),
    ("Python, argparse", "parser.add_argument(\"--db-password\", default=\"{}\", help=\"password of the database\")\n", ""),
    ("Python, argparse with type", "ap.add_argument('-p', '--password', type=str, required=False, default='{}')\n", ""),
    ("Python, argparse, lines", "parser.add_argument(\n    '--password',\n    help='password of the user',\n    default='{}',\n)\n", ""),
    ("Python, click", "@click.option(\"--password\", default=\"{}\", show_default=False)\n", ""),
    ("Python, dict get", "password = options.get('password', '{}')\n", ""),
    ("Python, dataclass field", "    password: str = field(default=\"{}\")\n", ""),
    ("Django, model field", "    api_secret = models.CharField(max_length=64, default=\"{}\")\n", ""),
    ("Ruby, fetch", "  password: ENV.fetch(\"DB_PASSWORD\", \"{}\"),\n", ""),
    ("Ruby, fetch with block", "db_password = ENV.fetch('DB_PASSWORD') { '{}' }\n", ""),
    ("Ruby, or", "SMTP_PASSWORD = ENV['SMTP_PASSWORD'] || '{}'\n", ""),
    ("Ruby, or equals", "ENV['SMTP_PASSWORD'] ||= '{}'\n", ""),
    ("Rails, ERB", "  password: <%= ENV.fetch(\"DB_PASSWORD\") { \"{}\" } %>\n", ""),
    ("Rails, ERB or", "  password: <%= ENV['APP_DATABASE_PASSWORD'] || '{}' %>\n", ""),
    ("Java, getOrDefault", "String pw = System.getenv().getOrDefault(\"DB_PASSWORD\", \"{}\");\n", ""),
    ("Java, getProperty", "String pw = System.getProperty(\"db.password\", \"{}\");\n", ""),
    ("Java, Optional", "String pw = Optional.ofNullable(System.getenv(\"DB_PASSWORD\")).orElse(\"{}\");\n", ""),
    ("Java, ternary", "String pw = System.getenv(\"DB_PASS\") != null ? System.getenv(\"DB_PASS\") : \"{}\";\n", ""),
    ("Spring, @Value", "@Value(\"${db.password:{}}\")\nprivate String dbPassword;\n", "{}$#"),
    ("Spring, YAML", "spring:\n  datasource:\n    password: ${DB_PASSWORD:{}}\n", "{}$#"),
    ("Spring, properties", "spring.datasource.password=${DB_PASSWORD:{}}\n", "{}$#"),
    ("MicroProfile", "@ConfigProperty(name = \"db.password\", defaultValue = \"{}\")\n", ""),
    ("Java, annotation default", "String password() default \"{}\";\n", ""),
    ("Java, picocli", "@Option(names = \"--password\", defaultValue = \"{}\")\n", ""),
    ("shell, assign default", ": \"${ADMIN_PASSWORD:={}}\"\n", "{}$"),
    ("shell, default without colon", "DB_PASSWORD=${DB_PASSWORD-{}}\n", "{}$#"),
    ("shell, positional default", "PASSWORD=${1:-{}}\n", "{}$#"),
    ("shell, read default", "PASSWORD=\"${PASSWORD:-\"{}\"}\"\n", "{}$"),
    ("compose, default", "    environment:\n      POSTGRES_PASSWORD: ${POSTGRES_PASSWORD:-{}}\n", "{}$#"),
    ("compose, list default", "    environment:\n      - MYSQL_ROOT_PASSWORD=${MYSQL_ROOT_PASSWORD:-{}}\n", "{}$#"),
    ("Make", "DB_PASSWORD ?= {}\n", "#$"),
    ("CMake", "set(UPDATE_PASSWORD \"{}\" CACHE STRING \"password of the update server\")\n", "$"),
    ("Laravel, env", "        'password' => env('DB_PASSWORD', '{}'),\n", ""),
    ("PHP, elvis", "$password = getenv('DB_PASS') ?: '{}';\n", ""),
    ("PHP, coalesce", "$dbPass = $_ENV['DB_PASS'] ?? '{}';\n", ""),
    ("PHP, putenv", "putenv('DB_PASSWORD={}');\n", ""),
    ("PHP, isset", "$pw = isset($_SERVER['DB_PASS']) ? $_SERVER['DB_PASS'] : '{}';\n", ""),
    ("PHP, docker env", "'DB_PASSWORD', getenv_docker('WORDPRESS_DB_PASSWORD', '{}') );\n", ""),
    ("Symfony, parameter", "parameters:\n    env(DB_PASSWORD): '{}'\n", ""),
    ("Go, viper", "viper.SetDefault(\"database.password\", \"{}\")\n", ""),
    ("Go, flag", "pw := flag.String(\"password\", \"{}\", \"password of the database\")\n", ""),
    ("Go, flag.StringVar", "flag.StringVar(&cfg.Password, \"db-password\", \"{}\", \"password of the database\")\n", ""),
    ("Go, cobra", "cmd.Flags().StringVarP(&opts.pass, \"password\", \"p\", \"{}\", \"password of the user\")\n", ""),
    ("Go, struct tag", "\tPassword string `env:\"DB_PASSWORD\" envDefault:\"{}\"`\n", ""),
    ("Go, default tag", "\tPassword string `default:\"{}\" json:\"password\"`\n", ""),
    ("Go, getEnv", "password := getEnv(\"DB_PASSWORD\", \"{}\")\n", ""),
    ("Go, urfave flag", "&cli.StringFlag{Name: \"password\", Usage: \"of the database\", Value: \"{}\"},\n", ""),
    ("Go, Setenv", "os.Setenv(\"DB_PASSWORD\", \"{}\")\n", ""),
    ("Node, yargs", ".option('password', { alias: 'p', default: '{}' })\n", ""),
    ("Node, commander", ".option('-p, --password <password>', 'password of the user', '{}')\n", ""),
    ("Node, convict", "  password: {\n    doc: 'password of the database',\n    format: String,\n    default: '{}',\n    env: 'DB_PASSWORD'\n  }\n", ""),
    ("Rust, unwrap_or_else", "let pw = env::var(\"DB_PASSWORD\").unwrap_or_else(|_| \"{}\".to_string());\n", ""),
    ("Rust, unwrap_or", "let db_password = std::env::var(\"DB_PASS\").unwrap_or(\"{}\".into());\n", ""),
    ("Rust, clap", "    #[arg(long, env = \"DB_PASSWORD\", default_value = \"{}\")]\n    password: String,\n", ""),
    ("C#, coalesce", "var pw = Environment.GetEnvironmentVariable(\"DB_PASSWORD\") ?? \"{}\";\n", ""),
    ("C#, GetValue", "var pw = Configuration.GetValue(\"Db:Password\", \"{}\");\n", ""),
    ("C#, property", "public string Password { get; set; } = \"{}\";\n", ""),
    ("Kotlin, elvis", "val pw = System.getenv(\"DB_PASSWORD\") ?: \"{}\"\n", ""),
    ("Scala, getOrElse", "val pw = sys.env.getOrElse(\"DB_PASSWORD\", \"{}\")\n", ""),
    ("HOCON", "password = \"{}\"\npassword = ${?DB_PASSWORD}\n", ""),
    ("Elixir, get_env", "password: System.get_env(\"DB_PASSWORD\", \"{}\"),\n", ""),
    ("Elixir, or", "pw = System.get_env(\"DB_PASSWORD\") || \"{}\"\n", ""),
    ("Dart", "const secret = String.fromEnvironment('API_SECRET', defaultValue: '{}');\n", ""),
    ("Swift", "let pw = ProcessInfo.processInfo.environment[\"DB_PASSWORD\"] ?? \"{}\"\n", ""),
    ("Perl, or", "my $pw = $ENV{DB_PASSWORD} // '{}';\n", ""),
    ("Perl, or or", "my $pass = $ENV{'DB_PASSWORD'} || '{}';\n", ""),
    ("Lua, or", "local pw = os.getenv(\"DB_PASSWORD\") or \"{}\"\n", ""),
    ("PowerShell, param", "param(\n    [string]$AdminPassword = \"{}\"\n)\n", "$"),
    ("R, getenv", "pw <- Sys.getenv(\"DB_PASSWORD\", unset = \"{}\")\n", ""),
    ("HCL, variable, lines", "variable \"db_password\" {\n  description = \"password of the database\"\n  type        = string\n  sensitive   = true\n  default     = \"{}\"\n}\n", "$%"),
    ("Helm, set", "helm upgrade app ./chart --set auth.rootPassword={} --wait\n", "#$,&()"),
    ("Helm, set-string", "helm upgrade app ./chart --set-string \"db.password={}\"\n", "$,"),
    ("Kubernetes, env", "        - name: DB_PASSWORD\n          value: {}\n", "#%@*!"),
    ("Kubernetes, value first", "        - value: \"{}\"\n          name: DB_PASSWORD\n", ""),
    ("Kubernetes, stringData", "stringData:\n  username: app\n  password: {}\n", "#%@*!"),
    ("ECS, lines", "{\n  \"name\": \"DB_PASSWORD\",\n  \"value\": \"{}\"\n}\n", ""),
    ("JSON, value first", "{\"value\": \"{}\", \"name\": \"DB_PASSWORD\"}\n", ""),
    ("JSON, value first, lines", "{\n  \"value\": \"{}\",\n  \"name\": \"DB_PASSWORD\"\n}\n", ""),
    ("Postman", "{\n  \"key\": \"password\",\n  \"value\": \"{}\",\n  \"type\": \"string\"\n}\n", ""),
    ("CloudFormation, YAML", "Parameters:\n  DBPassword:\n    Type: String\n    NoEcho: true\n    Default: {}\n", "#%@*!"),
    ("CloudFormation, JSON", "\"DBPassword\": {\n  \"NoEcho\": \"true\",\n  \"Type\": \"String\",\n  \"Default\": \"{}\"\n}\n", ""),
    ("CloudFormation, parameter file", "[{\"ParameterKey\": \"DBPassword\", \"ParameterValue\": \"{}\"}]\n", ""),
    ("ARM, parameters", "\"adminPassword\": {\n  \"value\": \"{}\"\n}\n", ""),
    ("ARM, default", "\"adminPassword\": {\n  \"type\": \"securestring\",\n  \"defaultValue\": \"{}\"\n}\n", ""),
    ("Bicep", "param adminPassword string = '{}'\n", ""),
    ("GitHub Actions, env", "        env:\n          MYSQL_ROOT_PASSWORD: {}\n", "#%@*!"),
    ("GitHub Actions, with", "        with:\n          username: bot\n          password: {}\n", "#%@*!"),
    ("GitHub Actions, options", "        options: --health-cmd=ping -e MYSQL_ROOT_PASSWORD={}\n", "#"),
    ("Azure pipelines", "variables:\n- name: adminPassword\n  value: {}\n", "#%@*!"),
    ("Jenkins, parameter", "string(name: 'DB_PASSWORD', defaultValue: '{}', description: 'of the database')\n", ""),
    ("Jenkins, password", "password(name: 'DEPLOY', defaultValue: '{}', description: 'of the server')\n", ""),
    ("Jenkins, environment", "environment {\n    DB_PASSWORD = '{}'\n}\n", ""),
    ("TeamCity", "<param name=\"env.DB_PASSWORD\" value=\"{}\" />\n", ""),
    ("docker run -e", "docker run -d -e POSTGRES_PASSWORD={} -p 5432:5432 postgres\n", "#&()"),
    ("docker run --env", "docker run --env \"MYSQL_ROOT_PASSWORD={}\" mysql\n", "$"),
    ("docker build-arg", "docker build --build-arg NPM_TOKEN={} .\n", "#&()"),
    ("kubectl, literal", "kubectl create secret generic db --from-literal=password={}\n", "#&()"),
    ("kubectl, docker", "kubectl create secret docker-registry r --docker-username=bot --docker-password={}\n", "#&()"),
    ("systemd", "Environment=\"DB_PASSWORD={}\"\n", "%"),
    ("supervisor", "environment=DB_USER=\"app\",DB_PASSWORD=\"{}\",X=\"1\"\n", "%"),
    ("Apache, SetEnv", "SetEnv DB_PASSWORD {}\n", "#"),
    ("nginx, fastcgi", "fastcgi_param DB_PASSWORD {};\n", "#;"),
    ("crontab", "0 3 * * * PGPASSWORD={} pg_dump -h db app > /tmp/x\n", "#%&()"),
    ("Vagrant, env", "config.vm.provision \"shell\", env: {\"DB_PASSWORD\" => \"{}\"}\n", ""),
    ("XML, param-value", "<context-param>\n  <param-name>dbPassword</param-name>\n  <param-value>{}</param-value>\n</context-param>\n", ""),
    ("XML, name and value elements", "<property>\n  <name>javax.jdo.option.ConnectionPassword</name>\n  <value>{}</value>\n</property>\n", ""),
    ("XML, prop", "<prop key=\"mail.smtp.password\">{}</prop>\n", ""),
    ("XML, value in property", "<property name=\"password\">\n  <value>{}</value>\n</property>\n", ""),
    (".NET, setting", "<setting name=\"SmtpPassword\" serializeAs=\"String\">\n  <value>{}</value>\n</setting>\n", ""),
    ("JMeter", "<stringProp name=\"Authorization.password\">{}</stringProp>\n", ""),
    ("unattend", "<AdministratorPassword>\n  <Value>{}</Value>\n</AdministratorPassword>\n", ""),
    ("Android, strings", "<string name=\"api_secret\">{}</string>\n", ""),
    ("registry file", "\"DefaultPassword\"=\"{}\"\n", ""),
    ("list, sshpass", "subprocess.call([\"sshpass\", \"-p\", \"{}\", \"ssh\", host])\n", ""),
    ("list, mysql", "subprocess.run(['mysql', '-u', 'root', '-p{}', 'app'])\n", ""),
    ("list, mysqldump in Go", "exec.Command(\"mysqldump\", \"-uroot\", \"-p{}\", \"app\")\n", ""),
    ("list, --password", "subprocess.check_call([\"mysqladmin\", \"--user\", \"root\", \"--password\", \"{}\"])\n", ""),
    ("list, --password=", "args: [\"--user=app\", \"--password={}\"]\n", ""),
    ("list, docker login", "spawn('docker', ['login', '-u', 'bot', '-p', '{}', 'registry.corp.net'])\n", ""),
    ("list, redis-cli", "CMD [\"redis-cli\", \"-a\", \"{}\", \"ping\"]\n", ""),
    ("list, requirepass", "command: [\"redis-server\", \"--requirepass\", \"{}\"]\n", ""),
    ("list, YAML lines", "args:\n  - --db-password\n  - {}\n", "#%@*!"),
    ("list, YAML lines, quoted", "args:\n  - \"--db-password\"\n  - \"{}\"\n", ""),
    ("redis-server", "command: redis-server --requirepass {} --appendonly yes\n", "#"),
    ("INSERT, second row", "INSERT INTO users (name, password) VALUES\n  ('ann', NULL),\n  ('bob', '{}');\n", ""),
    ("INSERT, third row", "INSERT INTO users (name, password) VALUES ('ann', ''), ('eve', md5('x')), ('bob', '{}');\n", ""),
    ("UPDATE", "UPDATE users SET password = '{}' WHERE name = 'admin';\n", ""),
    ("SET PASSWORD", "SET PASSWORD FOR 'root'@'localhost' = PASSWORD('{}');\n", ""),
    ("CREATE LOGIN", "CREATE LOGIN app WITH PASSWORD = N'{}', CHECK_POLICY = OFF;\n", ""),
    ("GRANT", "GRANT ALL ON app.* TO 'app'@'%' IDENTIFIED BY '{}' WITH GRANT OPTION;\n", ""),
    ("ALTER ROLE", "ALTER ROLE app WITH LOGIN ENCRYPTED PASSWORD '{}';\n", ""),
    ("chpasswd", "echo \"root:{}\" | chpasswd\n", "$"),
    ("passwd --stdin", "echo '{}' | passwd --stdin app\n", ""),
    ("sudo -S", "echo '{}' | sudo -S apt-get update\n", ""),
    ("openssl, pass:", "openssl rsa -in key.pem -passin pass:{} -out plain.pem\n", "#&()"),
    ("keytool", "keytool -genkey -alias a -keystore k.jks -storepass {} -keypass x\n", "#&()"),
    ("gpg", "gpg --batch --passphrase {} -d x.gpg\n", "#&()"),
    ("zip -P", "zip -r -P {} out.zip dir\n", "#&()"),
    ("7z", "7z a -p{} out.7z dir\n", "#&()"),
    ("wget", "wget --http-user=bot --http-password={} https://corp.net/x\n", "#&()"),
    ("lftp", "lftp -u bot,{} ftp.corp.net -e 'mirror -R'\n", "#&()"),
    ("PGPASSWORD", "PGPASSWORD='{}' psql -h db.corp.net -U app\n", ""),
    ("psexec", "psexec \\\\srv -u corp\\admin -p {} cmd\n", "#&()"),
    ("cmdkey", "cmdkey /add:srv /user:corp\\bob /pass:{}\n", "#&()"),
    ("PowerShell, option", "Invoke-Sqlcmd -ServerInstance srv -Username sa -Password '{}'\n", "$"),
    ("xfreerdp", "xfreerdp /u:bob /p:{} /v:srv\n", "#&()"),
    ("curl, form", "curl -d \"username=admin&password={}\" https://corp.net/login\n", "#&%+$"),
    ("curl, JSON", "curl -d '{\"username\":\"admin\",\"password\":\"{}\"}' https://corp.net/login\n", "'"),
    ("mc alias", "mc alias set store https://s3.corp.net ADMIN {}\n", "#&()"),
    ("paramiko, by place", "ssh.connect('10.0.0.5', 22, 'root', '{}')\n", ""),
    ("paramiko, by name", "ssh.connect(host, username='root', password='{}', timeout=5)\n", ""),
    ("ftplib", "ftp = ftplib.FTP('ftp.corp.net', 'bob', '{}')\n", ""),
    ("Django, create_user", "User.objects.create_superuser('admin', 'admin@corp.net', '{}')\n", ""),
    ("Django, set_password", "user.set_password('{}')\n", ""),
    ("keyring", "keyring.set_password('mail', 'bob', '{}')\n", ""),
    ("paho", "client.username_pw_set(\"bob\", \"{}\")\n", ""),
    ("Arduino, WiFi", "WiFi.begin(\"corp-net\", \"{}\");\n", ""),
    ("MySQL in C", "mysql_real_connect(c, \"db\", \"app\", \"{}\", \"app\", 0, NULL, 0);\n", ""),
    ("jedis", "jedis.auth(\"{}\");\n", ""),
    ("JWT, Java", "Algorithm algorithm = Algorithm.HMAC256(\"{}\");\n", ""),
    ("JWT, jjwt", "Jwts.builder().setSubject(u).signWith(SignatureAlgorithm.HS512, \"{}\").compact();\n", ""),
    ("JWT, C#", "var key = new SymmetricSecurityKey(Encoding.UTF8.GetBytes(\"{}\"));\n", ""),
    ("Go, cookie store", "store := sessions.NewCookieStore([]byte(\"{}\"))\n", ""),
    ("Go, SignedString", "return token.SignedString([]byte(\"{}\"))\n", ""),
    ("Go, ssh.Password", "Auth: []ssh.AuthMethod{ssh.Password(\"{}\")},\n", ""),
    ("Go, UserPassword", "u.User = url.UserPassword(\"bob\", \"{}\")\n", ""),
    ("Express, session", "app.use(session({ secret: '{}', resave: false }));\n", ""),
    ("Express, cookieParser", "app.use(cookieParser('{}'));\n", ""),
    ("bcrypt, JS", "const hash = await bcrypt.hash('{}', 10);\n", ""),
    ("Spring, user", "User.withUsername(\"bob\").password(\"{noop}{}\").roles(\"USER\");\n", ""),
    ("keystore", "keyStore.load(in, \"{}\".toCharArray());\n", ""),
    ("Cypress", "cy.get('#password').type('{}');\n", ""),
    ("Playwright", "await page.fill('input[name=\"password\"]', '{}');\n", ""),
    ("Selenium", "driver.find_element(By.ID, \"password\").send_keys(\"{}\")\n", ""),
    ("Capybara", "fill_in 'Password', with: '{}'\n", ""),
    ("Ruby, basic_auth", "request.basic_auth 'bob', '{}'\n", ""),
    ("Ruby, http_basic", "http_basic_authenticate_with name: 'admin', password: '{}'\n", ""),
    ("Laravel, Hash::make", "'password' => Hash::make('{}'),\n", ""),
    ("PHP, password_hash", "$hash = password_hash('{}', PASSWORD_DEFAULT);\n", ""),
    ("Ruby, create", "User.create!(email: 'a@corp.net', password: '{}', admin: true)\n", ""),
    ("LDIF", "dn: cn=admin,dc=corp\nuserPassword: {}\n", "#"),
    ("tomcat-users", "<user username=\"admin\" password=\"{}\" roles=\"manager-gui\"/>\n", ""),
    ("mutt", "set smtp_pass = \"{}\"\n", "$"),
    ("msmtp", "account corp\nuser bob\npassword {}\n", "#"),
    ("FreeRADIUS", "bob Cleartext-Password := \"{}\"\n", ""),
    ("OpenLDAP", "rootdn \"cn=admin\"\nrootpw {}\n", "#"),
    ("HAProxy", "    user admin insecure-password {}\n", "#"),
    ("Kickstart", "rootpw --plaintext {}\n", "#"),
    ("preseed", "d-i passwd/root-password password {}\n", "#"),
    ("ESPHome", "wifi:\n  ssid: corp\n  password: {}\n", "#%@*!"),
    ("Erlang, sys.config", "{db, [{user, \"app\"}, {password, \"{}\"}]}.\n", ""),
    ("Nix", "services.app.password = \"{}\";\n", "$"),
    ("Puppet", "class { 'mysql::server': root_password => '{}' }\n", ""),
    ("Chef", "default['mysql']['root_password'] = '{}'\n", ""),
    ("TOML, inline", "db = { user = \"app\", password = \"{}\" }\n", ""),
    ("JSON5", "{ user: 'app', password: '{}' }\n", ""),
    ("Markdown, table", "| Password | `{}` |\n", "|"),
    ("Markdown, bold", "**Password:** {}\n", "#*"),
    ("prose", "The password is {}.\n", "."),
    ("mail", "Username: bob\nPassword: {}\nURL: https://corp.net\n", "#"),
];

#[test]
fn passwords_are_found_where_they_are_given() {
    are_found(PLACES);
}

#[test]
fn passwords_are_found_however_they_are_written() {
    are_found(WAYS);
}

pub fn are_found(places: &[(&'static str, &str, &str)]) {
    let (mut all, mut missed) = (0, BTreeMap::<&str, Vec<&str>>::new());
    for (name, place, not) in places {
        for seed in 0..6 {
            for (kind, password) in passwords(seed * 1000 + name.len() as u64) {
                let password: String = password.chars().map(|c| if not.contains(c) { 'x' } else { c }).collect();
                all += 1;
                if !is_found(&place.replacen("{}", &password, 1), &password) {
                    missed.entry(name).or_default().push(kind);
                }
            }
        }
    }
    let lost: usize = missed.values().map(Vec::len).sum();
    assert!(lost * 20 <= all, "{lost} of {all} are missed: {missed:#?}");
    let each = all / places.len();
    for (name, kinds) in &missed {
        assert!(kinds.len() * 2 < each, "{name}: {kinds:?}");
    }
}

/// What stands there when the password does not.
pub fn are_not_found(places: &[(&str, &str, &str)]) {
    let values =
        ["$PASSWORD", "${DB_PASS}", "<password>", "your-password", "{{ password }}", "%s", "changeme", "******"];
    for (name, place, _) in places {
        for value in values {
            let text = place.replacen("{}", value, 1);
            assert!(!is_found(&text, value), "{name}: {value}");
        }
    }
}

#[test]
fn what_stands_for_a_password_is_none() {
    are_not_found(PLACES);
    are_not_found(WAYS);
    for text in [
        "requests.get(url, auth=(user, password))\n",
        "server.login(user, os.environ['MAIL_PW'])\n",
        "app.login('/login', 'Please sign in first')\n",
        "c = DriverManager.getConnection(url, user, prefix + 'x7Kq2LmZ9pRt');\n",
        "mysql is a database; -p asks for a password\n",
        "docker login -u bob --password-stdin\n",
        "net user bob /delete\n",
        "enable password 8Ry2YjIyt7RRXU24 encrypted\n",
        "INSERT INTO users (id, password) VALUES (1, md5('x7Kq2LmZ9pRt'));\n",
        "f('password', x) { value = 'x7Kq2LmZ9pRt'; }\n",
        "zip -r out.zip x7Kq2LmZ9pRt\n",
        "run('mysql', 'x7Kq2LmZ9pRt')\n",
        ".option('-n, --name <name>', 'of the user', 'x7Kq2LmZ9pRt')\n",
        "[{\"value\": \"x7Kq2LmZ9pRt\", \"name\": \"VERSION\"}]\n",
    ] {
        for word in
            ["password", "MAIL_PW", "Please sign in first", "x7Kq2LmZ9pRt", "8Ry2YjIyt7RRXU24", "stdin", "delete"]
        {
            assert!(!text.contains(word) || !is_found(text, word), "{text}");
        }
    }
}

/// What is not read of a long list is named, and no scan of it is clean.
#[test]
fn tables_and_lists_that_are_too_long_are_named() {
    let row = |n: usize| "x,changeme,1\n".repeat(n);
    let long = 17 << 20;
    for (name, text, cut) in [
        ("short.csv", format!("name,password,id\n{}", row(50)), false),
        ("long.csv", format!("name,password,id\n{}", row(long / 13)), true),
        ("short.sh", format!("chpasswd <<EOF\n{}EOF\n", "bob:changeme\n".repeat(20)), false),
        ("long.sh", format!("chpasswd <<EOF\n{}EOF\n", "bob:changeme\n".repeat(400)), true),
        (
            "long.sql",
            format!(
                "INSERT INTO users (name, password) VALUES {}('x', 'changeme');\n",
                "('x', 'changeme'),".repeat(long / 18)
            ),
            true,
        ),
    ] {
        let room = tempfile::TempDir::new().unwrap();
        crate::util::write(room.path(), name, text);
        let run = crate::util::Keyscan::at(room.path()).args(["."]).run().code(if cut { 2 } else { 0 });
        let said = String::from_utf8_lossy(&run.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(said.contains("a table in it is larger than is read"), cut, "{name}: {said}");
    }
}
