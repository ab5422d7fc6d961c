"""Words that name no purpose in any policy: what somebody reads (P6), a search by face or plate (P2), watching people (P1).

A word alone says little: a reading room is a place, a reading habit is a person's. So each rule first covers the words that their
neighbors make harmless, and then looks for its own. In English, Spanish and French, the languages of the papers; people read the
others, whoever adopts them. Patterns are written without accents, hyphens and capitals.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

_WHO = (
    r"(?:he|she|they|someone|somebody|anyone|anybody|everyone|everybody|people|staff|individuals?|persons?|patrons?|users?"
    r"|readers?"
    r"|borrowers?|visitors?|guests?|customers?|members?|employees?|workers?|volunteers?|students?|pupils?|kids?|child(?:ren)?"
    r"|teens?|teenagers?|minors?|adults?|m[ae]n|wom[ae]n|boys?|girls?|seniors?|families|neighbou?rs?)"
)
_OTHERS = rf"(?!staff|employees?|workers?|volunteers?){_WHO}"
_READS = (
    r"(?:reads?|reading|view(?:s|ed|ing)|watch(?:es|ed|ing)?|listen(?:s|ed|ing)?|borrow(?:s|ed|ing)?|brows(?:e|es|ed|ing)"
    r"|check(?:s|ed|ing)? ?out|look(?:s|ed|ing)? at|search(?:es|ed|ing)? for)"
)
_MATTER = (
    r"(?:books?|titles?|magazines?|newspapers?|journals?|comics?|web ?sites?|web ?pages?|sites?|videos?|films?|movies?"
    r"|dvds?|cds?"
    r"|music|songs?|materials?|media|topics?|subjects?|articles?)"
)
_LENT = (
    r"(?:laptops?|tablets?|chromebooks?|headphones|chargers?|keys?|umbrellas?|bikes?|bicycles?|hotspots?|tools?|equipment"
    r"|devices?|cameras?)"
)
_THINGS = (
    r"(?:rooms?|areas?|halls?|corners?|nooks?|spaces?|gardens?|terraces?|patios?|porch|lounges?|decks?|floors?|sections?|zones?"
    r"|carrels?|desks?|tables?|chairs?|seats?|bench(?:es)?|lamps?|lights?|glasses|aids?|devices?|stands?|machines?|kiosks?"
    r"|stations?|booths?|posts?|pods?|tents?|platforms?|equipment|bins?|shelves|collections?|clubs?|groups?|circles?|hours?"
    r"|times?"
    r"|events?|sessions?|challenges?|weeks?|days?|nights?|festivals?|buddies|tutors?|lessons?|class(?:es)?|dogs?|series"
    r"|program(?:me)?s?|materials?|privileges|cards?|rules?|policy|policies|limits?|library|libraries|aloud|to)"
)
_HABITS = (
    r"(?:habits?|histor(?:y|ies)|choices?|interests?|tastes?|preferences?|records?|lists?|patterns?|behaviou?rs?|data"
    r"|statistics)"
)
_PLATES = r"(?:(?:license|licence|number|registration|vehicle|car) plates?|plate numbers?)"
_INCIDENTS = (
    r"(?:emergenc(?:y|ies)|incidents?|fires?|evacuations?|floods?|leaks?|storms?|alarms?|deliver(?:y|ies)|construction"
    r"|intruders?"
    r"|break ins?|equipment|systems?|cameras?|temperatures?|humidity|heating|servers?)"
)

# Spanish. «qué» keeps its accent, as «que» alone begins half of all clauses.
_QUIEN = (
    r"(?:usuari[oa]s?|lector(?:es|as?)?|persona?l?s?|clientes?|soci[oa]s?|nin[oa]s?|menor(?:es)?|jovenes|joven|adolescentes"
    r"|alguien"
    r"|emplead[oa]s?|trabajador(?:es|as?)?|visitantes?|publico|gente|cada uno|estudiantes|alumn[oa]s?)"
)
_LEE = (
    r"(?:lee|leen|leia|leian|leyo|leyeron|leyendo|mira|miran|miraba|miraban|mirando|ve|ven|veia|veian|viendo|escucha|escuchan"
    r"|escuchaba|escuchando|consulta|consultan|consultaba|consulto|prestados?|llevo prestad[oa]s?|toma prestad[oa]s?|busca en)"
)
_LIBROS = (
    r"(?:libros?|revistas?|periodicos?|paginas?|titulos?|peliculas?|sitios?|materiales|obras?|videos?|musica|temas?)"
)

# French.
_QUI = (
    r"(?:usagers?|usageres?|lecteurs?|lectrices?|clients?|personnes?|abonnes?|visiteurs?|visiteuses?|public|enfants?|jeunes"
    r"|mineurs?"
    r"|adolescents?|quelqu'un|employes?|agents|membres?|gens|etudiants?|eleves?|personnel)"
)
_LIT = (
    r"(?:lit|lisent|lisait|lisaient|lu|regarde|regardent|regardait|regardaient|ecoute|ecoutent|ecoutait|emprunte|empruntent"
    r"|empruntait|empruntes?|consulte|consultent|consultait|consultes?)"
)
_LIVRES = (
    r"(?:livres?|revues?|magazines?|journaux|pages?|titres?|films?|sites?|documents?|ouvrages?|musique|sujets?"
    r"|videos?|bd)"
)


@dataclass(frozen=True, slots=True)
class Rule:
    """What is no purpose. ``clause``: the duty that says so; ``sentence``: as a refusal says it."""

    clause: str
    sentence: str
    harmless: re.Pattern[str]
    """Words that their neighbors make harmless: covered before the search."""
    refused: re.Pattern[str]


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(rf"\b(?:{one})\b" for one in patterns), re.IGNORECASE)


_READING = Rule(
    "P6",
    "Finding out what someone reads, views or listens to is not a purpose.",
    _any(
        rf"(?:reading|browsing|borrowing|listening|viewing) {_THINGS}",
        r"(?:summer|winter|story|poetry|author|group|shared|guided|meter|temperature|humidity|sensor|gauge|paired"
        r"|family) readings?",
        r"(?:sign|label|note|text|banner|shirt|meter|poster)s?(?: that| which)? reads?",
        r"while (?:\w+ ){0,3}?(?:reading|browsing|listening)",
        r"without (?:being |properly )?(?:check\w* ?out|borrow\w*)",
        r"(?:at|during|after|before) (?:an?|the) (?:\w+ )?reading",
        r"browsing (?:in |at |through )?(?:the )?(?:shelves|stacks|aisles)",
        r"(?:cannot|can't|could not|unable to) read",
        r"(?:not|never|without being|being) (?:properly |yet )?(?:checked out|borrowed)",
        rf"{_LENT}(?: \w+){{0,4}} (?:borrow\w*|check\w* ?out)",
        rf"(?:borrow\w*|check\w* ?out)(?: \w+){{0,3}} {_LENT}",
        r"what(?: \w+)? (?:happened|occurred|caused|went|was (?:taken|stolen|broken|damaged))",
        r"lecturas? (?:de |del )?(?:cuentos|poesia|poemas|contadores?|temperatura|sensores|verano|en voz alta|publicas?"
        r"|dramatizadas?)",
        r"(?:salas?|clubes|club|clubs|rincon(?:es)?|gafas|lentes|zonas?|areas?|mesas?|lamparas?|programas?|talleres|taller"
        r"|fomento"
        r"|puntos?|fiesta|espacios?|campana|grupos?|hora|maraton|jardin|carpa|plan) (?:de |de la |para la )?lecturas?",
        r"lectures? (?:publiques?|musicales?|de contes|de poesie|a voix haute|du compteur|des compteurs|d'ete|partagees?)",
        r"(?:salles?|clubs?|coins?|lunettes|espaces?|zones?|tables?|lampes?|ateliers?|heures?|comites?|fauteuils?|jardin"
        r"|promotion"
        r"|cercles?|cabines?|nuit|animations?) (?:de |de la |d'|a la )?lectures?",
    ),
    _any(
        rf"(?:what|which|whose)(?: [\w']+){{0,6}}? {_WHO}(?: [\w']+){{0,3}}? {_READS}",
        rf"(?:what|which|whose)(?: \w+){{0,3}}? {_MATTER}(?: [\w']+){{0,4}}? {_READS}",
        rf"(?:what|which|whose) (?:\w+ )?(?:is|was|are|were|gets?|got|had been|has been|have been)(?: being)? {_READS}",
        rf"(?:what|which) {_MATTER}(?: \w+){{0,2}}? {_WHO} (?:has|had|have)"
        r"(?! (?:stol|tak|took|damag|hid|left|remov|torn|destroy|thrown)\w*)",
        r"(?:what|anything|everything)(?: [\w']+){0,4}? (?:is|was|are|were|has|had|have|appears?)"
        r" on (?:[\w']+ ){0,3}(?:screens?|monitors?|phones?|laptops?|computers?|tablets?)",
        r"who(?:ever)?(?: \w+){0,3}? (?:reads?|reading|brows\w+|listen\w*)",
        rf"who(?:ever)?(?: \w+){{0,3}}? (?:borrow\w*|check\w* ?out)(?: \w+){{0,4}}? {_MATTER}",
        rf"(?:viewing|circulation|checkout|loan|lending|search|internet|web|library use|library card) {_HABITS}(?!"
        rf" (?:system|room|desk))",
        r"reads|reading|listening|browsing|borrowing",
        rf"(?:qué|lo que|cuales|que {_LIBROS})(?: \w+){{0,5}}? {_LEE}",
        r"quien(?:es)? (?:lee|leen|leyo|leia|consulta|escucha)",
        rf"(?:lecturas?|prestamos?|consultas) (?:de |del )(?:l[oa]s? |un[oa]?s? |el |cada |cualquier )?{_QUIEN}",
        r"(?:sus|mis) lecturas",
        r"(?:habitos|historial(?:es)?|registros?|gustos|intereses|preferencias|costumbres)"
        r" (?:de |del |de los |de las |en la )?(?:lecturas?|lectores|prestamos?|navegacion|busquedas?|consultas?)",
        rf"(?:ce qu(?:e |')|quel(?:le)?s? {_LIVRES} (?:qu(?:e |'))?)(?:\w+[ ']){{0,5}}?{_LIT}",
        r"qui (?:lit|lisent|lisait|emprunte|empruntait|consulte)",
        rf"(?:lectures?|emprunts?|consultations?) (?:de |du |des |d')(?:la |les |l'|une? |chaque )?{_QUI}",
        r"(?:ses|leurs) (?:lectures|emprunts)",
        r"(?:habitudes|historiques?|registres?|gouts|preferences|interets|choix)"
        r" (?:de |des |d'|en )(?:lectures?|emprunts?|prets?|navigation|recherches?|consultation)",
    ),
)
_FACES = Rule(
    "P2",
    "Searching for faces or license plates is not a purpose.",
    _any(
        rf"(?:theft|stolen|stealing|steals?|loss|lost|missing|found|damaged?|bent|vandali[sz]\w+|tampering|removal|removed"
        rf"|swapped)"
        rf"(?: (?:of|to|with|a|an|the|two|both|from))* {_PLATES}",
        rf"{_PLATES} (?:\w+ )?(?:was|were|is|are|that was|that were) (?:stolen|lost|missing|damaged|bent|found|removed|taken)",
        rf"{_PLATES} (?:of|on) (?:an?|the|that|this) (?:\w+ )?(?:car|vehicle|truck|van|motorcycle|driver)"
        r" (?:that|which|who|whose|involved|after|in an?|seen|fleeing|leaving)",
        r"(?:robo|hurto|perdida|danos?|sustraccion|robada|retirada) (?:de |a |en )?(?:una |la |las |dos |unas )?(?:placas?"
        r"|matriculas?)",
        r"(?:placas?|matriculas?) (?:de la |del |de un |de una )?(?:\w+ )?(?:robad|perdid|danad|sustraid)[oa]s?",
        r"(?:placa|matricula) (?:del|de la|de un|de una) (?:coche|vehiculo|auto|carro|camion|furgoneta|moto)"
        r" (?:que|implicad[oa]|involucrad[oa]|tras|despues)",
        r"(?:vol|perte|degradation|deterioration|disparition|arrachage) (?:de |d'|des |de la |de l'|d'une )*(?:deux )?plaques?"
        r"(?: (?:d'immatriculation|mineralogiques?))?",
        r"plaques?(?: d'immatriculation| mineralogiques?)? (?:volees?|perdues?|abimees?|arrachees?|disparues?|endommagees?)",
        r"(?:plaque|immatriculation)(?: d'immatriculation)? (?:de la |du |d'un |d'une )(?:voiture|vehicule|camion"
        r"|camionnette|moto)"
        r" (?:qui|implique\w*|apres|en cause)",
    ),
    _any(
        r"(?:facial|faces?|gait|iris|biometric|plates?)"
        r" (?:\w+ )?(?:recognition|recogni[sz]\w+|matching|match(?:es)?|search(?:es)?|detection|identification|scan(?:s"
        r"|ning)?|comparison)",
        r"(?:recogni[sz]\w*|recognition of|match\w*|identif\w+|scan\w*|detect\w*|compar\w+|find\w*|search\w*|look(?:s"
        r"|ing)? for|track\w*)"
        r" (?:for |by |of |up )?(?:an? |the |all |any |every |known |his |her |their |\w+'s? )*faces?(?! (?:masks?|shields?"
        r"|cover\w*|paint\w*))",
        r"(?:identif|recogni|find|search|match|track|know)\w*(?: [\w']+){0,4} by (?:his |her |their |the |an? )?faces?",
        r"plates? (?:of|on) (?:all |the |every |parked )*(?:cars|vehicles)",
        r"search\w*(?: \w+){0,3} for (?:an? |the |any |his |her |their |\w+'s? )*faces?(?! (?:masks?|shields?))",
        r"biometr\w+",
        _PLATES,
        r"(?:plate|tag) (?:reader|reading|recognition|capture|lookup)s?|alpr|anpr|lpr",
        r"reconocimiento (?:facial|de (?:los |las )?(?:rostros?|caras?|personas|matriculas?|placas?))",
        r"(?:buscar|busqueda de|busca de|encontrar|reconocer|identificar|comparar|escanear|detectar|localizar|hallar)"
        r" (?:a |por |de |con )?(?:un |una |el |la |los |las |su |sus )?(?:rostros?|caras?)",
        r"por (?:sus? |el )(?:rostros?|caras?)",
        r"(?:lectura|lector|leer|registro|registrar|anotar|buscar|busqueda|identificar|control|captura|consultar)"
        r" (?:de |las? |por )*(?:matriculas?|placas?|patentes)",
        r"(?:matriculas?|placas?|patentes) de (?:los |las )?(?:coches?|vehiculos?|autos?|carros?|automoviles|usuarios"
        r"|visitantes)",
        r"(?:numeros? de|num\. de) (?:matricula|placa)s?",
        r"(?:^|[;:,.] ?)(?:las? )?(?:matriculas|placas|patentes)(?=$|[.;,])",
        r"reconnaissance (?:faciale|de visages?|des visages|de plaques?|des plaques|biometrique)",
        r"(?:rechercher|recherche|chercher|trouver|retrouver|reconnaitre|identifier|comparer|detecter|scanner)"
        r" (?:par |de |d'|des )?(?:un |une |le |la |les |l'|son |sa |leurs? )?visages?",
        r"(?:par|a partir de) (?:son |leur |le |la )?visage",
        r"plaques? (?:d'immatriculation|mineralogiques?)|immatriculations|numeros? d'immatriculation",
        r"(?:lecture|lecteur|releve|relever|lire|reconnaitre) (?:de |des |les |la )*plaques?",
    ),
)
_MONITORING = Rule(
    "P1",
    "Watching people in general is not a purpose.",
    _any(
        r"(?:an?|the|this|that|its|our|of|to|computer|broken|damaged|stolen|cracked|smashed|missing|desktop|public"
        r"|catalog(?:ue)?|opac"
        r"|lcd|tv|video|touch|wall|screen|baby|flat|new|hall|room) monitors?(?! (?:the|all|our|any|every|people|patrons"
        r"|staff|users|what|who))",
        r"(?:surveillance|monitoring) (?:equipment|systems?|cameras?|stations?|software|polic(?:y|ies)|footage|videos?"
        r"|recordings?|signs?)",
        rf"(?:monitor|monitoring|monitors|surveillance|watching|observing|routine checks?)"
        rf" (?:of )?(?:the |an? |our |all |ongoing |active |actual |possible |indoor |outdoor |alarm )*{_INCIDENTS}",
        rf"{_OTHERS}(?: who| that)?(?: was| were| is| are| has been| had been)?(?: \w+ly)? (?:watch|observ|follow|spy"
        rf"|monitor|track)\w*",
        r"curios?(?: (?:cabinets?|cases?|shop))",
        r"(?:un|el|los|unos|del|de) monitor(?:es)?",
        r"(?:camaras?|sistemas?|equipos?|politica|imagenes|grabaciones|carteles?|personal|empresa|servicio|puesto|guardia"
        r"|guardias|agentes?"
        r"|caseta|cabina) de (?:la )?(?:video ?)?vigilancia",
        r"video ?vigilancia de (?:los )?(?:equipos|accesos tras)",
        r"(?:vigilar|vigilancia de|monitorear|monitoreo de|supervisar|supervision de|seguimiento de|observar)"
        r" (?:la |el |los |las |un |una |l )?(?:emergencias?|incidentes?|incendios?|evacuaci\w+|inundaci\w+|alarmas?"
        r"|equipos?|camaras?"
        r"|sistemas?|temperatura|humedad|obras?|entregas?|intrus\w+)",
        r"(?:cameras?|systemes?|materiel|equipements?|politique|images|enregistrements|panneaux?|agents?|poste|ecrans?"
        r"|personnel|dispositifs?)"
        r" de (?:la )?(?:video ?)?surveillance",
        r"(?:surveiller|surveillance|observer|suivi) (?:de |d'|des |du )*(?:la |le |les |l'|une? )*(?:urgences?|incidents?"
        r"|incendies?"
        r"|evacuations?|inondations?|alarmes?|equipements?|materiel|cameras?|systemes?|temperature|chantier|travaux"
        r"|livraisons?|intrus\w*)",
        r"(?:sans|faute de|defaut de|manque de) surveillance",
    ),
    _any(
        r"(?:general|generally|constant|random|casual) (?:watch|observ|surveil)\w*",
        r"monitor\w*|surveil(?:lance|l?ing|led)?",
        rf"routine (?:watch|look|observ|surveil)\w*|routine checks? (?:of|on) (?:the |all |our )?{_WHO}|^routine checks?$",
        r"curious|curiosity",
        r"just (?:to )?look\w*",
        rf"see what(?:(?:'s| is) (?:going on|happening|up)| goes on| (?:the )?{_WHO} (?:is|are) doing)",
        r"keep(?:ing|s)? an eye",
        rf"(?:watch(?:ing)?|observ(?:e|ing|ation of)|spy(?:ing)?|snoop(?:ing)?)(?: on| over)? (?:the |our |all |all the "
        rf"|every |him|her|them|these |those )*(?:{_WHO}|him|her|them)",
        rf"(?:track|follow)\w*(?: the)? (?:(?:movements?|whereabouts|comings) (?:and goings )?of )?(?:the |our |all "
        rf"|every )*{_WHO}"
        r"(?!'| (?:reports?|complaints?|requests?|concerns?|calls?|injur\w+))",
        r"(?:watch(?:ing)?|observ(?:e|ing)) the (?:general )?public(?! \w)",
        r"spy(?:ing)? on|snoop\w*|nosy",
        rf"(?:staff|employees?|workers?|{_WHO})(?:'s|s'|')? (?:performance|productivity|work habits|work rate|punctuality"
        rf"|timekeeping)",
        rf"(?:staff|employees?|workers?|students?|time and|class|program)(?:'s|s'|')? attendance|attendance of"
        rf" (?:the )?{_WHO}|^attendance$",
        r"(?:taking|track\w*|check\w*|record\w*|verify\w*) (?:the )?attendance",
        r"vigilancia general|vigilancia|video ?vigilancia|vigilar|vigilando|monitorear|monitorizar|monitoreo|monitorizacion",
        rf"(?:mirar|observar|espiar|seguir|controlar|supervisar|seguimiento de|observacion de|control de|observando|mirando)"
        rf" (?:a |al |de )*(?:l[oa]s? |l |tod[oa]s? |nuestr[oa]s )*{_QUIEN}",
        rf"(?:seguimiento|observacion|control|supervision) (?:del |de l[oa]s |de )(?:tod[oa]s l[oa]s )?{_QUIEN}",
        r"espiar|curiosear|curiosidad|echar un (?:vistazo|ojo)|ver (?:que|qué) (?:pasa|hace la gente)",
        r"(?:rendimiento|desempeno|productividad|puntualidad)"
        r" (?:del |de los |de las |de )(?:personal|emplead[oa]s|trabajador(?:es|as)|alumn[oa]s|usuari[oa]s)",
        r"control de (?:asistencia|horarios?)|asistencia de l[oa]s (?:emplead|trabajador|alumn)\w+",
        r"surveillance|video ?surveillance|surveiller|surveillons|surveillant (?:les|le|la)",
        rf"(?:observer|regarder|epier|suivre|controler|filer|observation|suivi) (?:de |des |du |d')*(?:les |le |la |l'|nos "
        rf"|tous )*{_QUI}",
        r"espionner|epier|curiosite|jeter un (?:coup d')?o(?:e)?il|garder un o(?:e)?il|avoir l'o(?:e)?il|voir ce qui se passe",
        r"(?:rendement|performances?|productivite|ponctualite|assiduite)"
        r" (?:du |des |de |d')(?:personnel|employes?|agents|salaries|usagers|eleves)",
        r"controle (?:des presences|de l'assiduite|des horaires|de presence)",
    ),
)
RULES = (_FACES, _READING, _MONITORING)
_SIGNS = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "-": " ", "‐": " ", "–": " ", "_": " "})


def refused_words(words: str) -> tuple[Rule, str] | None:
    """Return the rule that these words offend, and which part of them does; None: they may name a purpose."""
    plain = " ".join(unicodedata.normalize("NFC", words).translate(_SIGNS).split())
    folded = "".join(one if one.casefold() == "qué" else "".join(map(_base, one)) for one in re.split(r"(\W+)", plain))
    for rule in RULES:
        covered = rule.harmless.sub(lambda found: "_" * len(found[0]), folded)
        if (found := rule.refused.search(covered)) is not None:
            return rule, plain[found.start() : found.end()]
    return None


def _base(letter: str) -> str:
    """Return the letter without its accent: always one, so that places in a text stay the same."""
    return "o" if letter in "œŒ" else unicodedata.normalize("NFKD", letter)[:1] or letter
