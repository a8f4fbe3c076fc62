// What scans of node packs look for, in the project's own words. test_archive.py runs these rules over
// the archive. Behind each pattern stands a sample that it has to catch, with Python's escapes;
// `path` is the name of the file.

private rule python { condition: path endswith ".py" }

private rule code { condition: python or path endswith ".js" }

private rule text { condition: not (path endswith ".jpg" or path endswith ".webp") }

rule starts_programs {
  strings:
    $module = /\bsubprocess\b/  // import subprocess
    $system = /\bos\.(system|popen|exec[lv]\w*|spawn[lv]\w*|posix_spawn\w*|fork\w*|startfile)\b/  // os.system("ls")
    $name = /\bfrom os import [^\n]*\b(system|popen|startfile)\b/  // from os import path, system
    $shell = /\bshell\s*=\s*True\b/  // run(command, shell=True)
    $pool = /\b(multiprocessing|ProcessPoolExecutor|create_subprocess_\w+)\b/  // from multiprocessing import Pool
    $terminal = /\bimport (pty|pexpect|plumbum)\b/  // import pty
    $interpreter = /\bsys\.executable\b/  // command = [sys.executable, "x.py"]
  condition:
    python and any of them
}

rule runs_text_as_code {
  strings:
    $call = /(^|[^\w.])(eval|exec|compile|__import__)\s*\(/  // value = eval(text)
    $builtins = /\b(__builtins__|builtins)\b/  // getattr(builtins, name)
    $import = /\b(importlib|runpy|pkgutil)\b/  // importlib.import_module(name)
    $object = /\b(marshal|CodeType|FunctionType)\b/  // marshal.loads(data)
    $function = /\bnew Function\s*\(/  // new Function(text)()
  condition:
    code and any of them
}

rule loads_native_code {
  strings:
    $library = /\b(ctypes|cffi|CDLL|WinDLL|LoadLibrary\w*)\b/  // import ctypes
    $compiler = /\b(cpp_extension|load_inline|load_library)\b/  // torch.ops.load_library(path)
  condition:
    python and any of them
}

rule opens_connections {
  strings:
    $socket = /\b(import|from) (socket|socketserver|ssl|asyncio|selectors)\b/  // import socket
    $standard = /\b(urllib|http\.client|http\.server|ftplib|smtplib|telnetlib|imaplib|xmlrpc)\b/  // import urllib.request
    $client = /\b(import|from) (requests|urllib3|httpx|aiohttp|websockets?|paramiko|pycurl|huggingface_hub|boto3)\b/  // import requests
    $hub = /\b(torch\.hub|load_state_dict_from_url|hf_hub_download|snapshot_download)\b/  // torch.hub.load(name)
    $page = /\b(XMLHttpRequest|WebSocket|EventSource|sendBeacon|importScripts)\b/  // navigator.sendBeacon(url)
    $address = /\b(fetch|import)\s*\(?\s*["'`](https?:)?\/\//  // fetch("https://example.org")
  condition:
    code and any of them
}

rule installs_packages {
  strings:
    $command = /\b(pip3?|uv|conda|npm)\s+(install|download|uninstall)\b/  // os.system("pip install x")
    $arguments = /["'](pip3?|uv)["'],\s*["'](install|download)["']/  // [python, "-m", "pip", "install"]
    $module = /\b(import|from) (pip|ensurepip|setuptools|pkg_resources)\b/  // from pip import main
  condition:
    code and any of them
}

rule unpickles {
  strings:
    $module = /\b(import|from) (pickle|_pickle|cPickle|dill|cloudpickle|joblib|shelve)\b/  // import pickle
    $load = /\b(torch|jit|np|numpy)\.load\s*\(/  // torch.load(path)
    $array = /\ballow_pickle\s*=\s*True\b/  // read(path, allow_pickle=True)
    $unsafe = /\bweights_only\s*=\s*False\b/  // read(path, weights_only=False)
    $yaml = /\byaml\.(unsafe_|full_)?load(_all)?\s*\(/  // yaml.load(text)
  condition:
    python and any of them
}

rule hides_what_it_does {
  strings:
    $module = /\b(import|from) (base64|binascii|codecs|lzma|bz2|gzip)\b/  // import base64
    $decode = /\b(b64decode|b85decode|a85decode|unhexlify|fromhex|rot13|decompress|atob|fromCharCode)\b/  // bytes.fromhex(text)
    $blob = /[A-Za-z0-9+\/]{160,}/  // AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB
    $bytes = /(\\x[0-9a-fA-F]{2}){12,}/  // \\x41\\x41\\x41\\x41\\x41\\x41\\x41\\x41\\x41\\x41\\x41\\x41
    $letters = /(\bchr\(\d+\)\s*\+\s*){3}/  // chr(101) + chr(118) + chr(97) + chr(108)
  condition:
    text and any of them
}

rule reads_the_environment {
  strings:
    $module = /\bos\.(environ|getenv|putenv)\w*/  // os.environ["HOME"]
    $name = /\bfrom os import [^\n]*\b(environ|getenv)/  // from os import getenv
    $node = /\bprocess\.env\b/  // process.env.HOME
  condition:
    code and any of them
}

rule looks_for_secrets {
  strings:
    $file = /(\.ssh\/|\bid_rsa\b|\.aws\/|\.gnupg\b|\bLogin Data\b|\bwallet\.dat\b|\/etc\/(passwd|shadow)\b)/  // open("/etc/passwd")
    $library = /\b(getpass|keyring|browser_cookie3|win32crypt|netrc)\b\./  // getpass.getuser()
    $watching = /\b(pynput|pyautogui|pyperclip|ImageGrab|VideoCapture|sounddevice)\b/  // from pynput import keyboard
    $machine = /\b(gethostname|getnode|getlogin|platform\.node|document\.cookie)\b/  // socket.gethostname()
  condition:
    code and any of them
}

rule names_a_drop_point {
  strings:
    $host = /\b(pastebin\.com|hastebin\.com|transfer\.sh|gofile\.io|file\.io|anonfiles\.com|0x0\.st|temp\.sh|we\.tl|ngrok\.\w+|webhook\.site|api\.telegram\.org|discord(app)?\.com\/api\/webhooks)\b/ nocase  // https://transfer.sh/x
    $number = /https?:\/\/\d{1,3}(\.\d{1,3}){3}\b/  // http://203.0.113.7/x
    $miner = /\b(stratum\+tcp|xmrig|nicehash)\b/ nocase  // stratum+tcp://pool
  condition:
    text and any of them
}

rule weakens_https {
  strings:
    $checks = /\b(verify\s*=\s*False|CERT_NONE|_create_unverified\w*|check_hostname\s*=\s*False|disable_warnings)\b/  // get(url, verify=False)
    $plain = /["'`]http:\/\/\w/  // get("http://example.org")
  condition:
    (code or path endswith ".json") and any of them
}

rule writes_into_the_page {
  strings:
    $markup = /\b(innerHTML|outerHTML|insertAdjacentHTML|document\.write)\b/  // node.innerHTML = text
  condition:
    code and any of them
}

rule leaves_its_folders {
  strings:
    $home = /\b(expanduser|expandvars|gettempdir|Path\.home)\b/  // Path.home()
    $absolute = /["'](\/(tmp|etc|usr|var|home|root|opt|dev|proc|Users)\/|[A-Za-z]:[\\\/]{1,2}\w|~[\\\/])/  // open("/tmp/x")
    $above = /["']\.\.[\\\/]/  // Path("../x")
    $process = /\b(os\.chdir|sys\.path|site-packages|symlink_to|hardlink_to|os\.symlink|os\.link)\b/  // sys.path.insert(0, x)
    $rights = /\b(chmod|chown|setuid)\b/  // path.chmod(0o777)
  condition:
    python and any of them
}

rule writes_files {
  strings:
    $path = /\.(write_bytes|write_text|touch|mkdir|unlink|rmdir|rename|removedirs)\(/  // path.write_text(text)
    $open = /\bopen\([^\n]{0,80}["']([wax][bt]?\+?[bt]?|r[bt]?\+[bt]?)["']/  // open(path, "wb")
    $folder = /\b(shutil|tempfile)\b/  // import shutil
    $os = /\bos\.(remove|unlink|rename|replace|rmdir|mkdir|makedirs|open|truncate)\(/  // os.remove(path)
    $video = /\bav\.open\(\s*[^\n]*\s*["']w["']/  // av.open(path, "w")
    $cache = /\bcache\s*=\s*True\b/  // njit(cache=True)
    $save = /\.(save|savez|tofile|imwrite|save_file)\(/  // image.save(path)
  condition:
    python and any of them
}

rule is_a_program {
  strings:
    $windows = "MZ"  // MZ\x90
    $linux = "\x7fELF"  // \x7fELF\x02
    $mac = { CF FA ED FE }  // \xcf\xfa\xed\xfe
    $java = { CA FE BA BE }  // \xca\xfe\xba\xbe
    $zip = "PK\x03\x04"  // PK\x03\x04\x14
    $gzip = { 1F 8B 08 }  // \x1f\x8b\x08\x00
    $script = "#!"  // #!/bin/sh
  condition:
    for any of them : ($ at 0)
}
